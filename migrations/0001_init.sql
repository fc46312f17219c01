-- Times are nanoseconds since the Unix epoch: LND keys forwards by them.
-- Scids are unsigned 64-bit numbers stored bit for bit as signed ones.
-- Balances are in satoshis, forwarded amounts and fees in millisatoshis.

-- "SSPT": tells this database from another program's before it is written to.
pragma application_id = 0x53535054;

-- Every channel ever heard of. One that was closed before it was ever seen open
-- has a name only (old forwards mean it); one that vanishes is marked, not
-- deleted: its history stays readable.
create table channels (
    id integer primary key,
    point text not null unique,
    first_seen_ns integer,
    last_seen_ns integer,
    is_open integer not null default 0 check (is_open in (0, 1)),
    -- the channel as last seen, as JSON
    seen text,
    check ((seen is null) = (first_seen_ns is null)),
    check ((seen is null) = (last_seen_ns is null)),
    check (seen is not null or is_open = 0)
) strict;

-- Several scids may mean one channel: aliases, and the confirmed scid a
-- zero-conf channel gets later.
create table scids (
    scid integer primary key,
    channel_id integer not null references channels (id)
) strict;

-- Never thinned: rates can be computed anew from them. LND makes settle times
-- unique, so that reading a page twice stores it once. `autoincrement` because
-- readers go on from a number: it must never be used again.
create table forwards (
    seq integer primary key autoincrement,
    settled_at_ns integer not null unique,
    scid_in integer not null,
    scid_out integer not null,
    amount_in_msat integer not null check (amount_in_msat >= 0),
    amount_out_msat integer not null check (amount_out_msat >= 0),
    fee_msat integer not null check (fee_msat >= 0)
) strict;

-- How far the forwards above are complete.
create table history (
    id integer primary key check (id = 1),
    from_ns integer not null,
    through_ns integer not null
) strict;

create table balance_samples (
    channel_id integer not null references channels (id),
    at_ns integer not null,
    local_ratio real not null,
    local_sat integer not null,
    remote_sat integer not null,
    -- our outbound rate at the time; null if the node had no policy
    fee_ppm integer,
    active integer not null check (active in (0, 1)),
    primary key (channel_id, at_ns)
) strict, without rowid;

create table decisions (
    id integer primary key,
    channel_id integer not null references channels (id),
    at_ns integer not null,
    rhythm text not null,
    verdict text not null,
    -- the whole decision with every term, as JSON
    body text not null
) strict;

create index decisions_by_channel on decisions (channel_id, at_ns);
-- Retention drops holds by age and keeps changes.
create index holds_by_age on decisions (at_ns) where verdict = 'hold';

-- The intent is stored before the node is asked; a null outcome after a crash
-- tells that the node may or may not have been.
create table writes (
    id integer primary key autoincrement,
    channel_id integer not null references channels (id),
    at_ns integer not null,
    from_base_fee_msat integer not null,
    from_outbound_ppm integer not null,
    from_inbound_base_fee_msat integer not null,
    from_inbound_rate_ppm integer not null,
    to_base_fee_msat integer not null,
    to_outbound_ppm integer not null,
    to_inbound_base_fee_msat integer not null,
    to_inbound_rate_ppm integer not null,
    outcome text,
    outcome_at_ns integer,
    detail text not null default '',
    check ((outcome is null) = (outcome_at_ns is null))
) strict;

create index writes_by_channel on writes (channel_id, at_ns);
create index writes_open on writes (id) where outcome is null or outcome = 'unknown';

-- What the controller remembers of each open channel. `format` tells a body
-- that a later version wrote from one that this version can read.
create table channel_memory (
    channel_id integer primary key references channels (id),
    format integer not null,
    body text not null
) strict;

-- The node at the last finished cycle. `absorbed_seq` repeats what the body
-- says: if the body is lost, forwards still are not counted twice.
create table node (
    id integer primary key check (id = 1),
    observed_at_ns integer not null,
    tip_height integer not null,
    absorbed_seq integer not null,
    format integer not null,
    body text not null
) strict;

-- Whose history this is. Another node's forwards and fees beside it would make
-- nonsense of both.
create table identity (
    id integer primary key check (id = 1),
    pubkey text not null
) strict;
