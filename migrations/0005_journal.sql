-- The journal alone says what is remembered: the last place where that is stored
-- whole, and the turns since, decided again. A cycle therefore writes one row, in
-- place of one for each channel. Turns of earlier formats were decided by earlier
-- strategies and could not be decided again: the journal begins anew.

drop table turns;

create table turns (
    -- Retention takes the first rows only, so no number is used again: other rows
    -- refer to turns long after they are gone. A gap in the numbers is a lost row.
    id integer primary key,
    at_ns integer not null,
    tip_height integer not null,
    -- JSON, deflated: how what the turn was given differs from what the turn before
    -- was given, channels under small numbers; null where none was before
    given blob,
    -- JSON, deflated: every decision; dropped in time, as it can be made again
    decided blob,
    -- JSON, deflated, in some turns: what the turn was given as a whole, and what
    -- was remembered when it began
    given_whole blob,
    beginning blob,
    check (given is not null or given_whole is not null),
    check ((given_whole is null) = (beginning is null))
) strict;

create index turns_with_beginning on turns (at_ns) where beginning is not null;

-- Decisions that changed a fee, or would have. Holds are in the turns.
delete from decisions where verdict = 'hold';
drop index holds_by_age;
update decisions set turn_id = null;
update writes set turn_id = null, outcome_turn_id = null;

-- Nothing read them.
drop table balance_samples;

-- Each channel at the first cycle of each UTC day since the epoch.
create table balances_by_day (
    day integer not null,
    channel_id integer not null references channels (id),
    local_sat integer not null,
    remote_sat integer not null,
    -- our outbound rate; null if the node had no policy
    fee_ppm integer,
    primary key (day, channel_id)
) strict, without rowid;
