ALTER TABLE starts ADD COLUMN at timestamptz NOT NULL DEFAULT now();
CREATE INDEX starts_at ON starts (at);
