create table if not exists entries (
    id bigint generated always as identity primary key,
    signed_at timestamptz not null default now(),
    text text not null
);
