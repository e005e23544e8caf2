CREATE TABLE public.hosts (
  name text PRIMARY KEY
);
GRANT SELECT ON public.hosts TO PUBLIC;
