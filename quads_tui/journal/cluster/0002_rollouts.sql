-- Rollouts that workers carry out: who carries which, its journal, and what operators order.
-- A rollout is carried by one worker at a time. Each claim raises its epoch, and what is written under an older one is refused.
-- Time is this server's clock alone; what workers give are durations. Bodies are JSON texts in ASCII.

create table quads_tui.worker (
    id uuid primary key,  -- of one process
    name text not null,  -- user@machine and process id
    foreman text not null,  -- that its site writes to
    locations text[] not null,  -- whose BMCs it reaches, beside those of rollouts that name none
    lease interval not null,  -- it is dead when it was not heard of for so long
    since timestamptz not null default clock_timestamp(),
    seen timestamptz not null default clock_timestamp(),
    gone timestamptz  -- it has ended, or was declared dead: it carries nothing any more, whatever it believes
);

create table quads_tui.rollout (
    id text primary key,
    foreman text not null,
    location text not null,  -- only a worker of it reaches the BMCs; empty: any worker does
    who text not null,  -- user@machine that submitted it
    submitted timestamptz not null default clock_timestamp(),
    wanted boolean not null default true,  -- a worker is to carry it; false: it is settled, or waits for an operator
    worker uuid references quads_tui.worker,  -- that carries it now
    epoch bigint not null default 0,  -- of its last claim
    seq bigint not null default 0,  -- events written under this epoch
    last bigint not null default 0,  -- number of its last event
    sampled bigint not null default 0,  -- number of its last sample
    ordered bigint not null default 0  -- number of its last command
);
create index rollout_wanted on quads_tui.rollout (foreman, submitted) where wanted;

create table quads_tui.rollout_host (
    rollout text not null references quads_tui.rollout on delete cascade,
    host text not null,
    primary key (rollout, host)
);
create index rollout_host_host on quads_tui.rollout_host (host);

create table quads_tui.fact (
    rollout text not null references quads_tui.rollout on delete cascade,
    key text not null,
    value text not null,
    primary key (rollout, key)
);

create table quads_tui.event (
    rollout text not null references quads_tui.rollout on delete cascade,
    n bigint not null,  -- from 1, in the order of the commits
    epoch bigint not null,
    at timestamptz not null,  -- when it was written
    body text not null,
    primary key (rollout, n)
);

create table quads_tui.sample (
    rollout text not null references quads_tui.rollout on delete cascade,
    n bigint not null,
    body text not null,
    primary key (rollout, n)
);

create table quads_tui.exchange (
    n bigint generated always as identity primary key,
    rollout text not null references quads_tui.rollout on delete cascade,
    host text not null,
    body text not null
);
create index exchange_host on quads_tui.exchange (rollout, host, n);

create table quads_tui.command (
    rollout text not null references quads_tui.rollout on delete cascade,
    n bigint not null,
    who text not null,  -- user@machine, as the console says
    role text not null,  -- of the database, that it logged in as
    at timestamptz not null,
    body text not null,
    taken timestamptz,  -- by a worker, which carries it out once or not at all
    primary key (rollout, n)
);

-- A host belongs to the newest of its rollouts: no older one is carried on, so that none wipes what another one has built.
create function quads_tui.newer(p_rollout text)
returns text
language sql stable security definer set search_path = quads_tui, pg_temp as $$
    select o.id from rollout r join rollout_host h on h.rollout = r.id join rollout_host g on g.host = h.host
        join rollout o on o.id = g.rollout
    where r.id = p_rollout and (o.submitted, o.id) > (r.submitted, r.id) order by o.submitted limit 1;
$$;

create function quads_tui.not_newer(p_rollout text)
returns void
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
declare
    v_newer text := newer(p_rollout);
begin
    if v_newer is not null then
        raise exception 'hosts of % are in the newer rollout %', p_rollout, v_newer using errcode = 'QT006';
    end if;
end $$;

-- What a console may do

create function quads_tui.submit(
    p_rollout text, p_foreman text, p_location text, p_who text, p_keys text[], p_values text[], p_hosts text[]
)
returns void
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
declare
    v_other text;
begin
    perform pg_advisory_xact_lock(7230412);  -- one submission after the other
    if exists (select 1 from rollout r where r.id = p_rollout) then
        return;  -- the answer was lost
    end if;
    select r.id into v_other from rollout r join rollout_host h on h.rollout = r.id
        where (r.wanted or r.worker is not null) and h.host = any(p_hosts) limit 1;
    if found then
        raise exception 'hosts of this plan are in the rollout %, which is under way', v_other using errcode = 'QT006';
    end if;
    insert into rollout (id, foreman, location, who) values (p_rollout, p_foreman, p_location, p_who);
    insert into rollout_host select distinct p_rollout, h from unnest(p_hosts) h;
    insert into fact select p_rollout, k, v from unnest(p_keys, p_values) u(k, v);
    perform pg_notify('quads_tui_rollout', p_rollout);
end $$;

-- Gives its number. The rollout is carried on for it, where it was settled.
create function quads_tui.order_command(p_rollout text, p_who text, p_body text)
returns bigint
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
declare
    v_n bigint;
begin
    perform pg_advisory_xact_lock_shared(7230412);
    perform not_newer(p_rollout);
    update rollout r set ordered = r.ordered + 1, wanted = true where r.id = p_rollout returning r.ordered into v_n;
    if not found then
        raise exception 'there is no rollout %', p_rollout using errcode = 'QT004';
    end if;
    insert into command values (p_rollout, v_n, p_who, session_user, clock_timestamp(), p_body, null);
    perform pg_notify('quads_tui_rollout', p_rollout);
    return v_n;
end $$;

-- A worker is to carry it on, where it was stopped.
create function quads_tui.want(p_rollout text)
returns boolean
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
begin
    perform pg_advisory_xact_lock_shared(7230412);
    perform not_newer(p_rollout);
    update rollout r set wanted = true where r.id = p_rollout;
    perform pg_notify('quads_tui_rollout', p_rollout);
    return exists (select 1 from rollout r where r.id = p_rollout);
end $$;

create function quads_tui.rollouts(p_rollout text default null)
returns table (
    id text, foreman text, who text, submitted double precision, wanted boolean, worker text, heard double precision,
    epoch bigint, last bigint, waiting bigint, location text
)
language sql stable security definer set search_path = quads_tui, pg_temp as $$
    select r.id, r.foreman, r.who, extract(epoch from r.submitted)::double precision, r.wanted, coalesce(w.name, ''),
        extract(epoch from clock_timestamp() - w.seen)::double precision, r.epoch, r.last,
        (select count(*) from command c where c.rollout = r.id and c.taken is null), r.location
    from rollout r left join worker w on w.id = r.worker
    where p_rollout is null or r.id = p_rollout
    order by r.submitted, r.id;
$$;

-- Those that can carry a rollout of this Foreman and location now.
create function quads_tui.workers(p_foreman text, p_location text)
returns table (name text, heard double precision)
language sql stable security definer set search_path = quads_tui, pg_temp as $$
    select w.name, extract(epoch from clock_timestamp() - w.seen)::double precision from worker w
    where w.foreman = p_foreman and (p_location = '' or p_location = any(w.locations)) and w.gone is null and w.seen + w.lease > clock_timestamp()
    order by w.since;
$$;

create function quads_tui.facts(p_rollout text, p_keys text[] default null)
returns table (key text, value text)
language sql stable security definer set search_path = quads_tui, pg_temp as $$
    select f.key, f.value from fact f where f.rollout = p_rollout and (p_keys is null or f.key = any(p_keys));
$$;

create function quads_tui.events(p_rollout text, p_after bigint, p_most integer)
returns table (n bigint, body text, age double precision)
language sql stable security definer set search_path = quads_tui, pg_temp as $$
    select e.n, e.body, extract(epoch from clock_timestamp() - e.at)::double precision from event e
    where e.rollout = p_rollout and e.n > p_after order by e.n limit p_most;
$$;

create function quads_tui.samples(p_rollout text, p_after bigint, p_most integer)
returns table (n bigint, body text)
language sql stable security definer set search_path = quads_tui, pg_temp as $$
    select s.n, s.body from sample s where s.rollout = p_rollout and s.n > p_after order by s.n limit p_most;
$$;

-- The newest of a host, or (null) all of the rollout; in their order.
create function quads_tui.exchanges(p_rollout text, p_host text, p_after bigint, p_most integer)
returns table (n bigint, body text)
language sql stable security definer set search_path = quads_tui, pg_temp as $$
    select * from (
        select x.n, x.body from exchange x where x.rollout = p_rollout and x.n > p_after and (p_host is null or x.host = p_host)
        order by case when p_host is null then x.n else -x.n end limit p_most
    ) found order by 1;
$$;

create function quads_tui.commands(p_rollout text, p_after bigint)
returns table (n bigint, who text, role text, body text, taken boolean)
language sql stable security definer set search_path = quads_tui, pg_temp as $$
    select c.n, c.who, c.role, c.body, c.taken is not null from command c
    where c.rollout = p_rollout and c.n > p_after order by c.n;
$$;

-- What a worker alone may do

create function quads_tui.register(p_worker uuid, p_name text, p_foreman text, p_locations text[], p_lease interval)
returns void
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
begin
    delete from worker w where w.gone < clock_timestamp() - interval '30 days'
        and not exists (select 1 from rollout r where r.worker = w.id);
    insert into worker (id, name, foreman, locations, lease) values (p_worker, p_name, p_foreman, p_locations, p_lease)
        on conflict do nothing;
end $$;

-- The worker is alive. Raises QT003 where it was declared dead: it must not act any more.
create function quads_tui.beat(p_worker uuid)
returns void
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
begin
    update worker w set seen = clock_timestamp() where w.id = p_worker and w.gone is null;
    if not found then
        raise exception 'this worker was declared dead' using errcode = 'QT003';
    end if;
end $$;

-- Workers that were not heard of for their lease are dead, and their rollouts free. After a start of this server each has its
-- whole lease to be heard of again.
create function quads_tui.bury()
returns void
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
declare
    v_dead uuid[];
begin
    with dead as (
        update worker w set gone = clock_timestamp()
        where w.gone is null and greatest(w.seen, pg_postmaster_start_time()) + w.lease < clock_timestamp()
        returning w.id
    ) select array_agg(id) into v_dead from dead;
    update rollout r set worker = null where r.worker = any(v_dead);
end $$;

-- A rollout that nobody carries, and its new epoch; no row: there is none. Whoever claims is alive.
create function quads_tui.claim(p_worker uuid)
returns table (rollout text, epoch bigint)
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
begin
    perform beat(p_worker);
    perform bury();
    return query update rollout r set worker = p_worker, epoch = r.epoch + 1, seq = 0
        where r.id = (
            select f.id from rollout f join worker w on w.id = p_worker
            where f.wanted and f.worker is null and f.foreman = w.foreman
                and (f.location = '' or f.location = any(w.locations))
            order by f.submitted limit 1 for update of f skip locked
        ) returning r.id, r.epoch;
end $$;

-- The check before an act. It renews the lease, so that from now on nobody else acts on this rollout until the lease is over.
create function quads_tui.owned(p_rollout text, p_epoch bigint)
returns boolean
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
begin
    update worker w set seen = clock_timestamp()
        from rollout r where r.id = p_rollout and r.epoch = p_epoch and w.id = r.worker and w.gone is null;
    return found;
end $$;

-- The rollout, locked, is still carried under this epoch; else QT002.
create function quads_tui.held(p_rollout text, p_epoch bigint)
returns quads_tui.rollout
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
declare
    v_rollout rollout;
begin
    select * into v_rollout from rollout r where r.id = p_rollout for update;
    if v_rollout.worker is null or v_rollout.epoch <> p_epoch then
        raise exception 'another worker carries the rollout %', p_rollout using errcode = 'QT002';
    end if;
    return v_rollout;
end $$;

-- Write the next part of the journal. `p_seq`: events that were written under this epoch before `p_events`. What of them is there
-- already (the answer was lost) is not written again. Gives the number of the last event.
create function quads_tui.append(
    p_rollout text, p_epoch bigint, p_seq bigint, p_events text[], p_samples text[], p_hosts text[], p_exchanges text[]
)
returns bigint
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
declare
    v_rollout rollout := held(p_rollout, p_epoch);
    v_there bigint := v_rollout.seq - p_seq;
    v_new bigint := greatest(0, cardinality(p_events) - v_there);
begin
    if v_there < 0 then
        raise exception 'events before these are missing' using errcode = 'QT005';
    end if;
    insert into event select p_rollout, v_rollout.last + o - v_there, p_epoch, clock_timestamp(), b
        from unnest(p_events) with ordinality u(b, o) where o > v_there;
    insert into sample select p_rollout, v_rollout.sampled + o, b from unnest(p_samples) with ordinality u(b, o);
    insert into exchange (rollout, host, body) select p_rollout, h, b from unnest(p_hosts, p_exchanges) u(h, b);
    update rollout r set seq = r.seq + v_new, last = r.last + v_new, sampled = r.sampled + cardinality(p_samples)
        where r.id = p_rollout;
    perform pg_notify('quads_tui_event', p_rollout);
    return v_rollout.last + v_new;
end $$;

create function quads_tui.describe(p_rollout text, p_epoch bigint, p_keys text[], p_values text[])
returns void
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
begin
    perform held(p_rollout, p_epoch);
    insert into fact select p_rollout, k, v from unnest(p_keys, p_values) u(k, v)
        on conflict (rollout, key) do update set value = excluded.value;
end $$;

-- Commands that nobody has taken; whoever takes them carries them out once.
create function quads_tui.take_commands(p_rollout text, p_epoch bigint)
returns table (n bigint, who text, body text)
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
begin
    perform held(p_rollout, p_epoch);
    return query with taken as (
        update command c set taken = clock_timestamp() where c.rollout = p_rollout and c.taken is null
        returning c.n, c.who, c.body
    ) select * from taken order by 1;
end $$;

-- The worker carries it no longer. `p_wanted`: another one is to go on; else not before an operator orders something.
create function quads_tui.let_go(p_rollout text, p_epoch bigint, p_wanted boolean)
returns void
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
begin
    perform held(p_rollout, p_epoch);
    update rollout r set worker = null,
        wanted = p_wanted or exists (select 1 from command c where c.rollout = p_rollout and c.taken is null)
        where r.id = p_rollout;
    perform pg_notify('quads_tui_rollout', p_rollout);
end $$;

-- The worker ends. What it still carries is free for others.
create function quads_tui.leave(p_worker uuid)
returns void
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
begin
    update worker w set gone = clock_timestamp() where w.id = p_worker and w.gone is null;
    update rollout r set worker = null where r.worker = p_worker;
    notify quads_tui_rollout;
end $$;

revoke all on all tables in schema quads_tui from public;
revoke all on all sequences in schema quads_tui from public;
revoke execute on all functions in schema quads_tui from public;
