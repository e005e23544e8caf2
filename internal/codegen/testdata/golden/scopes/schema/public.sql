CREATE TABLE public.countries (
  code text PRIMARY KEY,
  name text NOT NULL
);
GRANT SELECT ON public.countries TO PUBLIC;
