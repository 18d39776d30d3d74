/**
 * Statements and the lineage expected of their outputs, one line each below its statement.
 *
 * `name=a+b` unchanged from one of these columns, `name~a+b` computed from them, `name-` from no column, `name?`
 * opaque, `..*` an unknown number of outputs. `c.` is customers, `o.` is orders. Sources are sorted.
 */

export const sourceCases: Readonly<Record<string, string>> = {
  'views, partitions, temporary and shadowing tables': `
select * from contacts
    => id=contacts.id ssn=contacts.ssn shout=contacts.shout
select ssn, n from contacts2
    => ssn=contacts2.ssn n=contacts2.n
select s, n from snapshot
    => s=snapshot.s n=snapshot.n
select ssn from events
    => ssn=events.ssn
select ssn from events_1a
    => ssn=events_1a.ssn
select events_1a from events_1a
    => events_1a~events_1a.id+events_1a.ssn
select relname from pg_class
    => relname=pg_catalog.pg_class.relname
select ssn from public.pg_class
    => ssn=pg_class.ssn
select ssn from pg_temp.customers
    => ssn?
select ssn from pg_temp_3.customers
    => ssn=pg_temp_3.c.ssn
select most_common_vals, tablename from pg_stats
    => most_common_vals? tablename=pg_catalog.pg_stats.tablename
select stavalues1 from pg_statistic
    => stavalues1?
select email_lower from customers
    => email_lower=c.email_lower
`,
  functions: `
select * from find_customer(1)
    => id=c.id name=c.name ssn=c.ssn email=c.email tags=c.tags profile=c.profile email_lower=c.email_lower
select ssn, (f).name from find_customer(1) f
    => ssn=c.ssn name=c.name
select find_customer(1)
    => find_customer~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
select (find_customer(1)).ssn, (find_customer(1)).id
    => ssn=c.ssn id=c.id
select (find_customer(1)).*
    => id=c.id name=c.name ssn=c.ssn email=c.email tags=c.tags profile=c.profile email_lower=c.email_lower
select f.s from find_customer(1) as f(i, n, s)
    => s=c.ssn
select shout(ssn), shout(name), shout('x') from customers
    => shout~c.ssn shout~c.name shout-
select * from pair('x')
    => a=c.ssn b-
select b from customers c, pair(c.email) p
    => b=c.email
select again(name) from customers
    => again?
select dynamic(name) from customers
    => dynamic?
select initials(ssn), initials(name) from customers
    => initials~c.ssn initials~c.name
select lower(name) from customers
    => lower~c.name
select lower(name, 'x') from customers
    => lower?
select pg_catalog.lower(name) from customers
    => lower~c.name
select public.shout(name) from customers
    => shout~c.name
select other.shout(name) from customers
    => shout?
select similarity(ssn, 'x'), name % 'x' from customers
    => similarity~c.ssn ?column?~c.name
select * from dblink('', 'select ssn from customers') as t(s text)
    => s?
select ssn === 'x' from customers
    => ?column??
select name::evil from customers
    => name?
select name::unknown_type from customers
    => name?
select atomic('x'), ret(ssn), ret(), joined(ssn, name) from customers
    => atomic~c.ssn ret~c.ssn ret? joined~c.name+c.ssn
select other_path(), unsure_path()
    => other_path~odd.Customers.SSN unsure_path-
select total_of(name) from customers
    => total_of?
select joined_up(name), joined_up(ssn order by name), kept_in(name, 'x'), in_plpgsql(name), in_sql(ssn) from customers
    => joined_up~c.name joined_up~c.name+c.ssn kept_in? in_plpgsql? in_sql~c.name+c.ssn
select name |~ 'x', name |> 'x', name |# 'x', |^ ssn from customers
    => ?column?~c.name ?column?? ?column?? ?column?~c.ssn
call outputs(null, 'x', 'y')
    => a=c.name c-
call outputs(a => null, b => 'x', c => (select ssn from customers))
    => a=c.name c-
call nothing()
    =>
call mystery(null)
    => ..*?
call no_such_procedure()
    => ..*?
select unknown_function(name) from customers
    => unknown_function?
select shout(x => ssn) from customers
    => shout?
select query_to_xml('select ssn from customers', true, true, ''), pg_read_file('x'), lo_get(1), table_to_xml('customers', true, true, '')
    => query_to_xml? pg_read_file? lo_get? table_to_xml?
select current_setting('server_version'), current_setting('app.secret'), current_setting(name) from customers
    => current_setting- current_setting? current_setting?
select g, h from generate_series(1, 2) g, generate_series(1, 2) as k(h)
    => g- h-
select generate_series from generate_series(1, 2)
    => generate_series-
select * from generate_series(1, 2) with ordinality
    => generate_series- ordinality-
select t, n from customers c, unnest(c.tags) with ordinality as u(t, n)
    => t~c.tags n~c.tags
select c.id, u.*, c.ssn from customers c, unnest(c.tags) u
    => id=c.id ..*~c.tags ssn=c.ssn
select * from unnest((select array_agg(c) from customers c))
    => ..*~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
select ssn from unnest((select array_agg(c) from customers c)) u
    => ssn~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
select key, value from customers c, jsonb_each_text(to_jsonb(c))
    => key~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags value~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
select e.* from customers c, json_each(to_json(c.name)) e
    => key~c.name value~c.name
select value from jsonb_array_elements('[1]') x
    => value-
select a, b from json_to_recordset((select json_agg(c) from customers c)) as x(a int4, b text)
    => a~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags b~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
select * from rows from (generate_series(1, 2), json_to_recordset('[]') as (a int4, b text)) as r(x)
    => x- a- b-
select z.ssn from (select * from json_populate_record(null::text, '{}')) z
    => ssn-
select * from ts_debug('x')
    => ..*-
select x.* from customers c, xmltable('/a' passing xmlelement(name a, c.ssn) columns v text path '.', o for ordinality) x
    => v~c.ssn o~c.ssn
select j.* from customers c, json_table(c.profile, '$' columns (a text path '$.a', nested path '$.b' columns (d int4))) j
    => a~c.profile d~c.profile
select j.a from customers c, json_table('{}', '$' passing c.ssn as v columns (a text path '$.a' default c.name on empty)) j
    => a~c.name+c.ssn
select p from regexp_split_to_table((select ssn from customers), '-') p
    => p~c.ssn
select * from customers c tablesample system (10)
    => id=c.id name=c.name ssn=c.ssn email=c.email tags=c.tags profile=c.profile email_lower=c.email_lower
`,
  'writing statements': `
insert into orders (id, note) values (1, 'x') returning id, note
    => id=o.id note=o.note
insert into orders (note) select ssn from customers returning note, id
    => note=c.ssn+o.note id=o.id
insert into orders select * from orders returning *
    => id=o.id customer_id=o.customer_id note=o.note total=o.total ship=o.ship
insert into orders (note) values ((select ssn from customers)) returning note || ''
    => ?column?~c.ssn+o.note
insert into customers (id, ssn) values (1, 'x') returning ssn
    => ssn=c.ssn
insert into customers (id, ssn) values (1, $1) on conflict (id) do update set name = excluded.ssn || customers.email returning name, ssn
    => name~c.email+c.name+c.ssn ssn=c.ssn
insert into orders (note) select * from nowhere returning note, id
    => note? id=o.id
insert into orders default values returning *
    => id=o.id customer_id=o.customer_id note=o.note total=o.total ship=o.ship
insert into orders (note) values (default) returning note
    => note=o.note
update orders set note = (select ssn from customers) returning note, id
    => note=c.ssn+o.note id=o.id
update orders o set note = c.ssn from customers c returning o.note, c.name, o.total
    => note=c.ssn+o.note name=c.name total=o.total
update orders set (note, total) = (select ssn, 1 from customers) returning note, total
    => note=c.ssn+o.note total=o.total
update orders set (note, total) = row('x', id) returning note, total
    => note=o.note total=o.id+o.total
update customers set ssn = reverse(ssn) returning ssn
    => ssn~c.ssn
update customers set ssn = 'x' returning ssn
    => ssn=c.ssn
update customers set name = email returning *
    => id=c.id name=c.email+c.name ssn=c.ssn email=c.email tags=c.tags profile=c.profile email_lower~c.email+c.email_lower
update orders set ship.street = (select ssn from customers) returning ship
    => ship~c.ssn+o.ship
update orders set note = ssn from customers returning old.note, new.note
    => note=o.note note=c.ssn+o.note
update orders set note = (select ssn from customers) returning with (old as before, new as after) before.note, after.note
    => note=o.note note=c.ssn+o.note
delete from customers returning ssn, customers
    => ssn=c.ssn customers~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
delete from orders using customers c returning note, c.ssn
    => note=o.note ssn=c.ssn
merge into orders o using customers c on o.id = c.id when matched then update set note = c.ssn when not matched then insert (id, note) values (c.id, c.email) returning merge_action(), o.note, c.name
    => merge_action- note=c.email+c.ssn+o.note name=c.name
update orders set note = 'x'
    =>
update orders set note = (select ssn from customers) where id = 1
    =>
update contacts set ssn = $1 returning shout
    => shout=contacts.shout
update contacts set ssn = (select note from orders) returning shout, id
    => shout~contacts.shout+o.note id~contacts.id+o.note
`,
  utilities: `
copy customers to stdout
    => id=c.id name=c.name ssn=c.ssn email=c.email tags=c.tags profile=c.profile
copy customers (ssn, id) to stdout
    => ssn=c.ssn id=c.id
copy (select upper(ssn) as u from customers) to stdout
    => u~c.ssn
copy (delete from orders returning note) to stdout
    => note=o.note
copy orders from stdin
    =>
explain analyze select ssn from customers
    => QUERY PLAN-
show search_path
    => ..*-
show app.secret
    => ..*?
prepare p as select ssn from customers
    => ssn=c.ssn
declare d cursor for select name, ssn from customers
    => name=c.name ssn=c.ssn
fetch all from d
    => ..*?
execute p
    => ..*?
call p(1)
    => ..*?
select ssn into t from customers
    =>
create table t as select ssn from customers
    =>
begin
    =>
`,
};
