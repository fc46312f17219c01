-- Forwards as the node told them that cannot be any: an impossible time, amount
-- or fee. They are kept as they came, unsigned numbers bit for bit as signed
-- ones, and are counted nowhere. History is read with an overlap: the same one
-- read again is known by all that it says.
create table odd_forwards (
    id integer primary key autoincrement,
    settled_at_ns integer not null,
    scid_in integer not null,
    scid_out integer not null,
    amount_in_msat integer not null,
    amount_out_msat integer not null,
    fee_msat integer not null,
    -- what is wrong with it, in words
    fault text not null,
    unique (settled_at_ns, scid_in, scid_out, amount_in_msat, amount_out_msat, fee_msat)
) strict;

-- The names by which rules know peers: a pattern looks at a peer's alias once,
-- and goes by that. `told` is the later alias that the operator was last told of.
create table alias_pins (
    pattern text not null,
    peer text not null,
    alias text not null,
    told text,
    primary key (pattern, peer)
) strict, without rowid;
