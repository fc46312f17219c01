-- How each peer kept its channels with us.

-- Sums by week (of 7 days since 1970-01-01), added to when something happened, and
-- once a day. Kept for good: 52 rows a year for each peer.
create table peer_weeks (
    -- the public key
    peer text not null,
    week integer not null,
    -- how long the node watched it, and how long of that it was online
    watched_secs integer not null,
    online_secs integer not null,
    flaps integer not null,
    fee_changes integer not null,
    -- HTLCs that we offered and that hung over several looks
    held_htlcs integer not null,
    held_secs integer not null,
    longest_held_secs integer not null,
    primary key (peer, week)
) strict, without rowid;

-- Channels that are no more, as the node first told of their end.
create table ended_channels (
    -- the channel point
    channel text primary key,
    -- the public key
    peer text not null,
    capacity_sat integer not null,
    opened_by text not null check (opened_by in ('us', 'peer', 'unknown')),
    closed_by text not null check (closed_by in ('us', 'peer', 'unknown')),
    how text not null check (how in
        ('cooperative', 'local_force', 'remote_force', 'breach', 'funding_canceled',
         'abandoned', 'unknown'))
) strict, without rowid;
