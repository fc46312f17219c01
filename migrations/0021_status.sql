-- The node's part in the market after the turn, as JSON: what `status` shows without
-- leading through the turns since the last beginning.
alter table turns add column market text;
