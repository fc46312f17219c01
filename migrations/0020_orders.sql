-- What the operator ordered while the daemon ran: kept for good, for it explains
-- fees. One row each, in the sequence given; the last that holds counts.
create table orders (
    -- `autoincrement`: a cycle remembers up to which number it knows them
    id integer primary key autoincrement,
    at_ns integer not null,
    -- the channel point; null for the whole node
    channel text,
    verb text not null check (verb in
        ('pin', 'ignore', 'manage', 'target', 'release', 'restore', 'pause', 'resume')),
    -- of `pin` and `restore`
    ppm integer,
    -- of `restore`
    base_fee_msat integer,
    -- of `target`, 0 to 1
    ratio real,
    until_ns integer,
    -- who gave it: `command line`
    given_by text not null,
    check ((channel is null) = (verb in ('pause', 'resume'))),
    check ((ppm is null) = (verb not in ('pin', 'restore'))),
    check ((base_fee_msat is null) = (verb <> 'restore')),
    check ((ratio is null) = (verb <> 'target'))
) strict;

-- Whether the daemon works: written by it at each try of a cycle.
create table heartbeat (
    id integer primary key check (id = 1),
    version text not null,
    pid integer not null,
    started_at_ns integer not null,
    observe_only integer not null check (observe_only in (0, 1)),
    -- the last try
    at_ns integer not null,
    -- since when cycles come out as the last one did
    since_ns integer not null,
    -- why the last one did not; null if it did
    error text
) strict;
