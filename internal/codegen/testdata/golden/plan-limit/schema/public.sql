CREATE TABLE public.plans (
  name text PRIMARY KEY,
  max_desks integer
);
GRANT SELECT ON public.plans TO PUBLIC;
