-- One row for each event of the calendar. A row is never changed and never removed.
create table calendar (
    seq     integer not null primary key check (seq >= 0),
    at_ms   integer not null,
    kind    text    not null,
    version integer not null check (version >= 1),
    data    text    not null
) strict;

create trigger calendar_events_follow_each_other before insert on calendar
when new.seq <> (select coalesce(max(seq) + 1, 0) from calendar)
begin
    select raise(abort, 'an event must follow the last one of the calendar');
end;

create trigger calendar_events_are_never_changed before update on calendar
begin
    select raise(abort, 'an event is never changed');
end;

create trigger calendar_events_are_never_removed before delete on calendar
begin
    select raise(abort, 'an event is never removed');
end;
