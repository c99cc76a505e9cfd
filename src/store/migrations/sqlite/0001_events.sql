-- One row for each event of each drill. A row is never changed and never removed.
create table events (
    drill   text    not null,
    seq     integer not null check (seq >= 0),
    at_ms   integer not null,
    kind    text    not null,
    version integer not null check (version >= 1),
    data    text    not null,
    primary key (drill, seq)
) strict, without rowid;

create trigger events_follow_each_other before insert on events
when new.seq <> (select coalesce(max(seq) + 1, 0) from events where drill = new.drill)
begin
    select raise(abort, 'an event must follow the last one of its drill');
end;

create trigger events_are_never_changed before update on events
begin
    select raise(abort, 'an event is never changed');
end;

create trigger events_are_never_removed before delete on events
begin
    select raise(abort, 'an event is never removed');
end;
