-- One row for each event of the book of letters. A row is never changed and never removed.
create table post (
    seq     integer not null primary key check (seq >= 0),
    at_ms   integer not null,
    kind    text    not null,
    version integer not null check (version >= 1),
    data    text    not null
) strict;

create trigger post_events_follow_each_other before insert on post
when new.seq <> (select coalesce(max(seq) + 1, 0) from post)
begin
    select raise(abort, 'an event must follow the last one of the book');
end;

create trigger post_events_are_never_changed before update on post
begin
    select raise(abort, 'an event is never changed');
end;

create trigger post_events_are_never_removed before delete on post
begin
    select raise(abort, 'an event is never removed');
end;
