-- A change of a channel's max HTLC, in msat: null where the update leaves it alone.
alter table writes add column from_max_htlc_msat integer;
alter table writes add column to_max_htlc_msat integer;
-- Of a `restore`: the max HTLC to restore, in msat; null where it is left alone.
alter table orders add column max_htlc_msat integer;
