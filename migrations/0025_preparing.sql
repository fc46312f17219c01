-- Orders to prepare for a receipt or a payment. SQLite changes no check of a table:
-- it is made anew, with every order under its number.
create table orders_anew (
    -- `autoincrement`: a cycle remembers up to which number it knows them
    id integer primary key autoincrement,
    at_ns integer not null,
    -- the channel point; null for the whole node
    channel text,
    verb text not null check (verb in
        ('pin', 'ignore', 'manage', 'target', 'release', 'restore', 'pause', 'resume',
         'receive', 'spend', 'ramp', 'cancel')),
    -- of `pin` and `restore`
    ppm integer,
    -- of `restore`
    base_fee_msat integer,
    -- of `target` and `ramp`, 0 to 1
    ratio real,
    until_ns integer,
    -- who gave it: `command line`
    given_by text not null,
    -- of `receive`, `spend` and `ramp`: when it is to be reached
    by_ns integer,
    -- of `receive` and `spend`: the sum, what was possible as it was ordered, and
    -- the public key of the peer through whose channels, if it is only these
    sum_sat integer,
    able_sat integer,
    peer text,
    check ((channel is null) = (verb in ('pause', 'resume', 'receive', 'spend', 'cancel'))),
    check ((ppm is null) = (verb not in ('pin', 'restore'))),
    check ((base_fee_msat is null) = (verb <> 'restore')),
    check ((ratio is null) = (verb not in ('target', 'ramp'))),
    check ((by_ns is null) = (verb not in ('receive', 'spend', 'ramp'))),
    check ((sum_sat is null) = (verb not in ('receive', 'spend'))),
    check ((able_sat is null) = (verb not in ('receive', 'spend'))),
    check (peer is null or verb in ('receive', 'spend'))
) strict;
insert into orders_anew
    (id, at_ns, channel, verb, ppm, base_fee_msat, ratio, until_ns, given_by)
    select id, at_ns, channel, verb, ppm, base_fee_msat, ratio, until_ns, given_by from orders;
drop table orders;
alter table orders_anew rename to orders;
