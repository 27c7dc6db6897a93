-- The seal of each who approved, a space between two.
ALTER TABLE grants RENAME COLUMN seal TO seals;
