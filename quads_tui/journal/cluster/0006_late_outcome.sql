-- Whoever lost the place with a write on its way, and lives, tells what became of it all the same: nobody waits for that any longer.

alter table quads_tui.place add column intent_request uuid;  -- of whoever sent it

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
    update place p set host = p_host, intent = p_intent, intent_fence = p_fence, intent_request = p.request,
        sent_at = clock_timestamp(), expires = clock_timestamp() + silence(p_lease), arrives_until = clock_timestamp() + p_lease
        where p.key = any(p_keys) and p.fence = p_fence and p.request is not null;
    get diagnostics v_rows = row_count;
    if v_rows <> cardinality(p_keys) then
        raise exception 'the place has another holder' using errcode = 'QT001';
    end if;
end $$;

-- What the caller sent has its outcome. It is the next one's turn, where the place is still the caller's.
create or replace function quads_tui.give_back(p_request uuid)
returns void
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
begin
    delete from waiter w where w.request = p_request;
    perform 1 from place p where p_request in (p.request, p.intent_request) order by p.key for update;
    update place p set intent = null, intent_fence = null
        where p.intent_request = p_request or (p.request = p_request and p.intent_fence = p.fence);
    update place p set request = null, who = '', host = '', expires = null where p.request = p_request;
    notify quads_tui_place;
end $$;
