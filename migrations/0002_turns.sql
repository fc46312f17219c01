-- The journal: what each turn was given, so that it can be decided again.

-- `autoincrement`, because other rows refer to turns long after retention took
-- them away. A gap in the numbers is a lost row.
create table turns (
    id integer primary key autoincrement,
    at_ns integer not null,
    -- JSON, deflated: what the turn was given, as a merge patch (RFC 7396) on
    -- what the turn before was given; whole where a beginning is stored with it
    given blob not null,
    -- JSON, deflated: what was remembered when the turn began
    beginning blob
) strict;

create index turns_with_beginning on turns (at_ns) where beginning is not null;

-- The turn that decided it; null for what is older than the journal.
alter table decisions add column turn_id integer;
create index decisions_by_turn on decisions (turn_id) where turn_id is not null;

-- The turn in which it was begun, and the one in which its outcome was stored:
-- a later one where it was first unknown.
alter table writes add column turn_id integer;
alter table writes add column outcome_turn_id integer;
create index writes_by_turn on writes (turn_id) where turn_id is not null;
