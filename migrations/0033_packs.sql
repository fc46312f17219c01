-- Forwards long stored, some thousand to a row: a row each takes over twice the space,
-- and SQLite more time than all else that a first start does. New ones come to
-- `forwards`; once a day, and at once where many come, they are packed. Every number in
-- here is below every one there.
create table forward_packs (
    -- the number of the last one
    last_seq integer primary key,
    -- how many there are
    forwards integer not null check (forwards > 0),
    -- between which times they settled
    first_settled_at_ns integer not null,
    last_settled_at_ns integer not null,
    body blob not null
) strict;
create index forward_packs_by_time on forward_packs (last_settled_at_ns, first_settled_at_ns);

-- What a cycle decided, in a table of its own, for it is dropped after a week: beside what
-- is kept for a quarter it left pages part empty, a third of the journal.
create table turn_decisions (
    turn_id integer primary key,
    -- deflated JSON
    body blob not null
) strict;
insert into turn_decisions (turn_id, body)
    select id, decided from turns where decided is not null;
alter table turns drop column decided;
