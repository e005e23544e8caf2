-- The rows that the shared schema starts with. It runs again whenever this file
-- has changed, so it brings rows that exist up to date.
INSERT INTO public.currencies (code, name, digits) VALUES
    ('CHF', 'Swiss franc', 2),
    ('EUR', 'Euro', 2),
    ('JPY', 'Yen', 0),
    ('USD', 'US dollar', 2)
ON CONFLICT (code) DO UPDATE SET name = excluded.name, digits = excluded.digits;
