-- A rollout that goes back to one machine: its journal is a file there from then on, and no worker carries it any more.

alter table quads_tui.rollout add column taken_back text;  -- by whom, user@machine; null: it is the cluster's

create function quads_tui.refuse_taken_back()
returns trigger
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
begin
    raise exception 'the rollout % was taken back into a journal file by %', old.id, old.taken_back using errcode = 'QT007';
end $$;

create trigger taken_back before update of wanted, worker on quads_tui.rollout
    for each row when (old.taken_back is not null and (new.wanted or new.worker is not null))
    execute function quads_tui.refuse_taken_back();

-- False: there is no such rollout. Whoever has taken it back may ask again: the answer was lost.
create function quads_tui.take_back(p_rollout text, p_who text)
returns boolean
language plpgsql security definer set search_path = quads_tui, pg_temp as $$
declare
    v_rollout rollout;
begin
    perform pg_advisory_xact_lock(7230412);
    perform bury();
    select * into v_rollout from rollout r where r.id = p_rollout for update;
    if not found then
        return false;
    end if;
    if v_rollout.worker is not null then
        raise exception 'a worker carries the rollout %', p_rollout using errcode = 'QT008';
    end if;
    if v_rollout.taken_back <> p_who then
        raise exception 'the rollout % was taken back into a journal file by %', p_rollout, v_rollout.taken_back
            using errcode = 'QT007';
    end if;
    perform not_newer(p_rollout);
    update rollout r set wanted = false, taken_back = p_who where r.id = p_rollout;
    return true;
end $$;

revoke execute on function quads_tui.refuse_taken_back, quads_tui.take_back from public;
