-- Who ordered something is no longer what a console says alone: the session of the database that brought it stands behind it, as
-- this server knows it. "ann@jump1 (quads at 192.0.2.7)": said by the console (database user, and address of its machine).

alter table quads_tui.command add column giver text not null default '';  -- with the session; empty: given before this was kept

-- `p_who`: as the console says. Parentheses are this function's alone, so that nobody can add a session to his name.
create function quads_tui.with_session(p_who text)
returns text
language sql stable security definer set search_path = quads_tui, pg_temp as $$
    select left(translate(p_who, '()', ''), 100) || ' (' || translate(session_user, '()', '') || ' at '
        || coalesce(host(inet_client_addr()), 'the machine of the database')
        || case when program in ('', 'quads-tui') then '' else ' by ' || left(translate(program, '()', ''), 60) end || ')'
    from current_setting('application_name') program;
$$;

create or replace function quads_tui.submit(
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
    insert into rollout (id, foreman, location, who) values (p_rollout, p_foreman, p_location, with_session(p_who));
    insert into rollout_host select distinct p_rollout, h from unnest(p_hosts) h;
    insert into fact select p_rollout, k, case when k = 'who' then to_json(with_session(v::json #>> '{}'))::text else v end
        from unnest(p_keys, p_values) u(k, v);
    perform pg_notify('quads_tui_rollout', p_rollout);
end $$;

create or replace function quads_tui.order_command(p_rollout text, p_who text, p_body text)
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
    insert into command (rollout, n, who, role, giver, at, body)
        values (p_rollout, v_n, p_who, session_user, with_session(p_who), clock_timestamp(), p_body);
    perform pg_notify('quads_tui_rollout', p_rollout);
    return v_n;
end $$;

-- Gives `who` with the session.
create or replace function quads_tui.take_commands(p_rollout text, p_epoch bigint)
returns table (n bigint, who text, body text)
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
begin
    perform held(p_rollout, p_epoch);
    return query with taken as (
        update command c set taken = clock_timestamp() where c.rollout = p_rollout and c.taken is null
        returning c.n, coalesce(nullif(c.giver, ''), c.who || ' (' || c.role || ')'), c.body
    ) select * from taken order by 1;
end $$;

revoke execute on function quads_tui.with_session from public;
