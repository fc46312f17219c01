-- When on-chain fees came to be cheap, ordinary or dear: a row for each change.
create table chain_fees (
    at_ns integer primary key,
    regime text not null check (regime in ('cheap', 'ordinary', 'dear')),
    -- as read then
    sat_per_vb real not null
) strict;
