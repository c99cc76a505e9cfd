-- One row for each event of the book of people. A row is never changed and never removed.
create table people (
    seq     integer not null primary key check (seq >= 0),
    at_ms   integer not null,
    kind    text    not null,
    version integer not null check (version >= 1),
    data    text    not null
) strict;

create trigger people_events_follow_each_other before insert on people
when new.seq <> (select coalesce(max(seq) + 1, 0) from people)
begin
    select raise(abort, 'an event must follow the last one of the book');
end;

create trigger people_events_are_never_changed before update on people
begin
    select raise(abort, 'an event is never changed');
end;

create trigger people_events_are_never_removed before delete on people
begin
    select raise(abort, 'an event is never removed');
end;
