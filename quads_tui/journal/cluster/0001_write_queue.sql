-- The shared write queue: for each Foreman one place, with a lease and a fence number, and those who wait for it.
-- Consoles call the functions below and touch no table. Time is this server's clock alone; what consoles give are durations.

create table quads_tui.schema_version (
    number integer not null,
    queue uuid not null default gen_random_uuid()  -- the name of this write queue, by which consoles of one machine know each other
);
insert into quads_tui.schema_version (number) values (0);

-- A Foreman is known under several keys (name:port, address:port); its place is the rows of all of them.
create table quads_tui.place (
    key text primary key,
    fence bigint not null default 0,  -- of the last holder; only grows
    request uuid,  -- of the holder; null: the place is free
    who text not null default '',
    expires timestamptz,  -- the holder is not waited for any longer than this
    host text not null default '',  -- that is written now
    intent jsonb,  -- of the write that was sent and has no outcome yet; of whoever holds the place, or of one that died
    intent_fence bigint,
    sent_at timestamptz,
    arrives_until timestamptz  -- after this it can no longer arrive
);
create sequence quads_tui.fence;

create table quads_tui.waiter (
    request uuid primary key,
    keys text[] not null,
    who text not null,
    since timestamptz not null,
    seen timestamptz not null  -- a waiter that is not seen any more keeps nobody waiting
);

-- Take the place, or say why not yet: who writes, or whose turn is first. Repeated with the same request until it is granted.
-- A lease that ran out while this server was down gives its holder some time to be heard of again.
create function quads_tui.take(p_request uuid, p_keys text[], p_who text, p_lease interval, p_wait interval)
returns table (fence bigint, writer text, host text, intents jsonb)
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
declare
    v_now timestamptz;
    v_since timestamptz;
    v_fence bigint;
begin
    insert into place (key) select k from unnest(p_keys) k order by k on conflict do nothing;
    insert into waiter values (p_request, p_keys, p_who, clock_timestamp(), clock_timestamp())
        on conflict (request) do update set seen = clock_timestamp() returning waiter.since into v_since;
    perform 1 from place p where p.key = any(p_keys) order by p.key for update;
    v_now := clock_timestamp();
    if (select count(*) from place p where p.key = any(p_keys) and p.request = p_request) = cardinality(p_keys) then
        v_fence := (select min(p.fence) from place p where p.key = any(p_keys));  -- granted before; the answer was lost
    else
        return query select null::bigint, p.who, p.host, null::jsonb from place p
            where p.key = any(p_keys) and p.request is not null
            and greatest(p.expires, pg_postmaster_start_time() + interval '15 seconds') > v_now
            order by p.fence desc limit 1;
        if found then return; end if;
        return query select null::bigint, w.who, ''::text, null::jsonb from waiter w
            where w.keys && p_keys and w.seen > v_now - p_wait and (w.since, w.request) < (v_since, p_request)
            order by w.since limit 1;
        if found then return; end if;
        v_fence := nextval('fence');
        update place p set fence = v_fence, request = p_request, who = p_who, host = '', expires = v_now + p_lease
            where p.key = any(p_keys);
    end if;
    delete from waiter w where w.request = p_request or w.seen < v_now - interval '1 day';
    return query select v_fence, ''::text, ''::text, coalesce(jsonb_agg(l.intent || jsonb_build_object(
            'number', l.intent_fence, 'arrives', greatest(0, extract(epoch from l.arrives_until - v_now))
        )), '[]'::jsonb) from (
            select distinct on (p.intent_fence) * from place p where p.key = any(p_keys) and p.intent is not null
            order by p.intent_fence, p.arrives_until desc
        ) l;
end $$;

-- Before the first byte: the place is still the caller's, and what is sent is known to whoever comes after it.
create function quads_tui.sending(p_fence bigint, p_keys text[], p_lease interval, p_host text, p_intent jsonb)
returns void
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
declare
    v_rows integer;
begin
    perform 1 from place p where p.key = any(p_keys) order by p.key for update;
    if exists (select 1 from place p where p.key = any(p_keys) and p.intent is not null and p.intent_fence <> p_fence) then
        raise exception 'the place has another holder, or a write of an earlier one to settle' using errcode = 'QT001';
    end if;
    update place p set host = p_host, intent = p_intent, intent_fence = p_fence, sent_at = clock_timestamp(),
        expires = clock_timestamp() + p_lease, arrives_until = clock_timestamp() + p_lease
        where p.key = any(p_keys) and p.fence = p_fence and p.request is not null;
    get diagnostics v_rows = row_count;
    if v_rows <> cardinality(p_keys) then
        raise exception 'the place has another holder' using errcode = 'QT001';
    end if;
end $$;

-- The holder is alive: the lease begins anew. False: the place has another holder.
create function quads_tui.renew(p_fence bigint, p_keys text[], p_lease interval)
returns boolean
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
declare
    v_rows integer;
begin
    perform 1 from place p where p.key = any(p_keys) order by p.key for update;
    update place p set expires = clock_timestamp() + p_lease,
        arrives_until = case when p.intent_fence = p_fence then clock_timestamp() + p_lease else p.arrives_until end
        where p.key = any(p_keys) and p.fence = p_fence and p.request is not null;
    get diagnostics v_rows = row_count;
    return v_rows = cardinality(p_keys);
end $$;

-- What became of a write that an earlier holder left is known. False: the place has another holder.
create function quads_tui.settled(p_fence bigint, p_keys text[], p_number bigint)
returns boolean
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
begin
    perform 1 from place p where p.key = any(p_keys) order by p.key for update;
    if exists (select 1 from place p where p.key = any(p_keys) and (p.fence <> p_fence or p.request is null)) then
        return false;
    end if;
    update place p set intent = null, intent_fence = null where p.key = any(p_keys) and p.intent_fence = p_number;
    return true;
end $$;

-- The next one's turn: what the caller sent has its outcome. A request that waits, or was granted unheard, is withdrawn.
create function quads_tui.give_back(p_request uuid)
returns void
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
begin
    delete from waiter w where w.request = p_request;
    perform 1 from place p where p.request = p_request order by p.key for update;
    update place p set request = null, who = '', host = '', expires = null,
        intent = case when p.intent_fence = p.fence then null else p.intent end
        where p.request = p_request;
    notify quads_tui_place;
end $$;

revoke all on all tables in schema quads_tui from public;
revoke execute on all functions in schema quads_tui from public;
