-- Which conditions on balances hold for which channels: a rule by a balance stays
-- with a channel until the balance is well back, over restarts too.
create table latches (
    -- as the settings have it: key and value
    condition text not null,
    -- the channel point
    channel text not null,
    holds integer not null check (holds in (0, 1)),
    primary key (condition, channel)
) strict, without rowid;
