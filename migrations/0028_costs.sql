-- What the node paid, and what it could not forward.

-- Each part of a payment of the node to itself. Kept for good: reports are made of it.
create table rebalances (
    settled_at_ns integer not null,
    payment_index integer not null,
    attempt_id integer not null,
    scid_out integer not null,
    scid_in integer not null,
    amount_msat integer not null,
    fee_msat integer not null,
    primary key (settled_at_ns, payment_index, attempt_id)
) strict, without rowid;

-- How far payments were read, by the time at which they were begun.
create table payments_read (
    id integer primary key check (id = 1),
    from_ns integer not null,
    through_ns integer not null
) strict;

-- Miners' fees, one row for each opening and each closing.
create table chain_costs (
    -- the channel point
    channel text not null,
    kind text not null check (kind in ('open', 'close')),
    at_ns integer not null,
    fee_sat integer not null,
    primary key (channel, kind)
) strict, without rowid;

-- HTLCs that we failed ourselves, by UTC day, the channel they wanted to leave by and
-- the reason: anyone can make such for nothing, so there is one row, however many.
create table failed_forwards (
    day integer not null,
    scid_out integer not null,
    reason text not null,
    htlcs integer not null,
    amount_msat integer not null,
    primary key (day, scid_out, reason)
) strict, without rowid;
