-- Forwards keyed by their settle time: LND makes settle times unique and tells
-- forwards in their order, so the key that readers go on from and the key that
-- tells one forward from another are one number, and no index is needed.
create table forwards_by_time (
    -- the settle time; of a forward that came after a later one, the next free
    -- number: readers that went on from the later one are still to meet it
    seq integer primary key,
    -- where it is not `seq`
    settled_at_ns integer,
    scid_in integer not null,
    scid_out integer not null,
    -- where it is not what went out and the fee
    amount_in_msat integer check (amount_in_msat >= 0),
    amount_out_msat integer not null check (amount_out_msat >= 0),
    fee_msat integer not null check (fee_msat >= 0)
) strict;

insert into forwards_by_time
select settled_at_ns, null, scid_in, scid_out,
    nullif(amount_in_msat, amount_out_msat + fee_msat), amount_out_msat, fee_msat
from forwards order by settled_at_ns;

drop table forwards;
alter table forwards_by_time rename to forwards;
create unique index late_forwards on forwards (settled_at_ns) where settled_at_ns is not null;

-- The same by UTC days since the epoch and scid: what reports read, and the
-- meter for days long past. Sums stop at the largest number instead of failing.
create table forwards_by_day (
    day integer not null,
    scid integer not null,
    -- what left by it, and what that earned
    forwards_out integer not null,
    sold_msat integer not null,
    fees_msat integer not null,
    -- what came in by it, and what that earned where it left
    forwards_in integer not null,
    brought_msat integer not null,
    assist_msat integer not null,
    primary key (day, scid)
) strict, without rowid;

insert into forwards_by_day
select day, scid, sum(n_out), sum(sold), sum(fees), sum(n_in), sum(brought), sum(assist)
from (
    select seq / 86400000000000 as day, scid_out as scid, 1 as n_out,
        min(amount_out_msat, 1 << 50) as sold, min(fee_msat, 1 << 50) as fees,
        0 as n_in, 0 as brought, 0 as assist
    from forwards
    union all
    select seq / 86400000000000, scid_in, 0, 0, 0, 1,
        min(coalesce(amount_in_msat, amount_out_msat + fee_msat), 1 << 50), min(fee_msat, 1 << 50)
    from forwards
)
group by day, scid;

-- The node as a whole.
create table node_forwards_by_day (
    day integer primary key,
    forwards integer not null,
    sold_msat integer not null,
    fees_msat integer not null
) strict;

insert into node_forwards_by_day
select seq / 86400000000000, count(*), sum(min(amount_out_msat, 1 << 50)), sum(min(fee_msat, 1 << 50))
from forwards group by 1;

-- What was counted so far, by the new numbers.
update node set
    absorbed_seq = (select coalesce(max(seq), 0) from forwards),
    body = json_set(body, '$.absorbed_seq', (select coalesce(max(seq), 0) from forwards));
