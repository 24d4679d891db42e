-- A place is kept for a holder that is not heard of for 30 s at most, no longer for its whole write deadline: what it sent is known,
-- and whoever takes the place waits for it until Foreman tells that it has ended, or `arrives_until`.

-- `p_deadline`: the write deadline of the holder, for which what it sent may still arrive.
create function quads_tui.silence(p_deadline interval)
returns interval
language sql immutable as $$
    select least(p_deadline, interval '30 seconds');
$$;

create or replace function quads_tui.take(p_request uuid, p_keys text[], p_who text, p_lease interval, p_wait interval)
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
        update place p set fence = v_fence, request = p_request, who = p_who, host = '', expires = v_now + silence(p_lease)
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

create or replace function quads_tui.sending(p_fence bigint, p_keys text[], p_lease interval, p_host text, p_intent jsonb)
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
        expires = clock_timestamp() + silence(p_lease), arrives_until = clock_timestamp() + p_lease
        where p.key = any(p_keys) and p.fence = p_fence and p.request is not null;
    get diagnostics v_rows = row_count;
    if v_rows <> cardinality(p_keys) then
        raise exception 'the place has another holder' using errcode = 'QT001';
    end if;
end $$;

create or replace function quads_tui.renew(p_fence bigint, p_keys text[], p_lease interval)
returns boolean
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
declare
    v_rows integer;
begin
    perform 1 from place p where p.key = any(p_keys) order by p.key for update;
    update place p set expires = clock_timestamp() + silence(p_lease),
        arrives_until = case when p.intent_fence = p_fence then clock_timestamp() + p_lease else p.arrives_until end
        where p.key = any(p_keys) and p.fence = p_fence and p.request is not null;
    get diagnostics v_rows = row_count;
    return v_rows = cardinality(p_keys);
end $$;

revoke execute on function quads_tui.silence from public;
