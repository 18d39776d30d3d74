/**
 * Statements and the lineage expected of their outputs, one line each below its statement.
 *
 * `name=a+b` unchanged from one of these columns, `name~a+b` computed from them, `name-` from no column, `name?`
 * opaque, `..*` an unknown number of outputs. `c.` is customers, `o.` is orders. Sources are sorted.
 */

export const queryCases: Readonly<Record<string, string>> = {
  'plain columns, aliases, casts': `
select ssn from customers
    => ssn=c.ssn
select ssn as harmless from customers
    => harmless=c.ssn
select c.ssn from customers c
    => ssn=c.ssn
select public.customers.ssn from public.customers
    => ssn=c.ssn
select shop.public.customers.ssn from customers
    => ssn=c.ssn
select * from orders
    => id=o.id customer_id=o.customer_id note=o.note total=o.total ship=o.ship
select o.* from orders o
    => id=o.id customer_id=o.customer_id note=o.note total=o.total ship=o.ship
select id, o.*, 1 as one from orders o
    => id=o.id id=o.id customer_id=o.customer_id note=o.note total=o.total ship=o.ship one-
table orders
    => id=o.id customer_id=o.customer_id note=o.note total=o.total ship=o.ship
select ssn::text, ssn::varchar, ssn::varchar(3), email::text, email::varchar(2) from customers
    => ssn=c.ssn ssn=c.ssn ssn~c.ssn email=c.email email~c.email
select cast(id as int4), id::text, name::bytea from customers
    => id=c.id id~c.id name~c.name
select x from customers as c(x, y)
    => x=c.id
select y, ssn from customers as c(x, y)
    => y=c.name ssn=c.ssn
select "SSN" from odd."Customers"
    => SSN=odd.Customers.SSN
select ctid, tableoid, c.xmin from customers c
    => ctid- tableoid- xmin-
select nope from customers
    => nope?
select nope.ssn from customers
    => ssn?
select ssn from nowhere
    => ssn?
select * from nowhere
    => ..*?
select id, n.*, note from nowhere n, orders
    => id=o.id ..*? note=o.note
`,
  expressions: `
select substr(ssn, 1, 3), substring(ssn from 1 for 3), md5(ssn), length(ssn), reverse(ssn) from customers
    => substr~c.ssn substring~c.ssn md5~c.ssn length~c.ssn reverse~c.ssn
select ssn || '', ssn || name, -id, id + 1 from customers
    => ?column?~c.ssn ?column?~c.name+c.ssn ?column?~c.id ?column?~c.id
select case when ssn like '1%' then 'a' else 'b' end from customers
    => case~c.ssn
select case when true then ssn else name end from customers
    => name=c.name+c.ssn
select case id when 1 then 'x' else ssn end from customers
    => ssn~c.id+c.ssn
select coalesce(ssn, ''), coalesce(ssn, name), nullif(ssn, ''), greatest(ssn, 'a') from customers
    => coalesce=c.ssn coalesce=c.name+c.ssn nullif~c.ssn greatest~c.ssn
select ssn = '1', ssn in ('1', '2'), ssn between 'a' and 'b', ssn = any(array['1']), ssn is distinct from '1' from customers
    => ?column?~c.ssn ?column?~c.ssn ?column?~c.ssn ?column?~c.ssn ?column?~c.ssn
select ssn is null, ssn is not null, num_nulls(ssn, name), pg_typeof(ssn) from customers
    => ?column?- ?column?- num_nulls- pg_typeof-
select count(*), count(ssn), count(distinct ssn), count(o) from customers, orders o
    => count- count- count- count-
select count(c), count(email_lower) from customers c
    => count~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags count~c.email_lower
select max(ssn), min(ssn), string_agg(ssn, ','), array_agg(ssn), json_agg(ssn) from customers
    => max~c.ssn min~c.ssn string_agg~c.ssn array_agg~c.ssn json_agg~c.ssn
select count(*) filter (where ssn like '1%'), count(*) filter (where id > 3) from customers
    => count~c.ssn count~c.id
select string_agg(name, ',' order by ssn), percentile_disc(0.5) within group (order by ssn) from customers
    => string_agg~c.name+c.ssn percentile_disc~c.ssn
select first_value(ssn) over w, lag(name) over (order by ssn), row_number() over (order by ssn) from customers window w as (order by id)
    => first_value~c.ssn lag~c.name row_number-
select array[ssn, name], (array[ssn])[1], tags[1], tags[1:2] from customers
    => array~c.name+c.ssn array~c.ssn tags~c.tags tags~c.tags
select row(ssn, 1), (ssn, 1) from customers
    => row~c.ssn row~c.ssn
select profile->>'ssn', profile['a'] from customers
    => ?column?~c.profile profile~c.profile
select ssn collate "C", ssn similar to 'x', ssn at time zone 'utc' from customers
    => ssn=c.ssn ?column?? timezone~c.ssn
select extract(year from now()), current_date, current_user, version()
    => extract- current_date- current_user- version-
select 1, 'x', null, true, interval '1 day', $1, $2::int4
    => ?column?- ?column?- ?column?- ?column?- interval? ?column?- int4-
select 1 as a, 'b'
    => a- ?column?-
select grouping(ssn) from customers group by rollup (ssn)
    => grouping-
select xmlelement(name a, xmlattributes(name as n), ssn), xmlforest(ssn, id), xmlserialize(content xmlagg(xmlelement(name b, ssn)) as text) from customers group by name, ssn, id
    => xmlelement~c.name+c.ssn xmlforest~c.id+c.ssn xmlserialize~c.ssn
select json_object('k': ssn), json_array(ssn, id), json_arrayagg(ssn), json_objectagg(name: ssn) from customers
    => json_object~c.ssn json_array~c.id+c.ssn json_arrayagg~c.ssn json_objectagg~c.name+c.ssn
select json_array(select ssn from customers), json_value(profile, '$.a'), json_scalar(ssn) from customers
    => json_array~c.ssn json_value~c.profile json_scalar~c.ssn
select ssn is json, ssn is true from customers
    => ?column?~c.ssn ?column?~c.ssn
select json_build_object('s', ssn, 'n', name), concat(ssn, id), format('%s', ssn) from customers
    => json_build_object~c.name+c.ssn concat~c.id+c.ssn format~c.ssn
`,
  'whole rows': `
select c from customers c
    => c~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
select customers from customers
    => customers~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
select row_to_json(c), to_jsonb(c) from customers c
    => row_to_json~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags to_jsonb~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
select row_to_json(q) from (select id, name from customers) q
    => row_to_json~c.id+c.name
select row_to_json(q) from (select id, ssn from customers) q
    => row_to_json~c.id+c.ssn
select (c).ssn, (c).name from customers c
    => ssn=c.ssn name=c.name
select (c).* from customers c
    => id=c.id name=c.name ssn=c.ssn email=c.email tags=c.tags profile=c.profile email_lower=c.email_lower
select (x).ssn from (select c as x from customers c) q
    => ssn=c.ssn
select (x).* from (select o as x from orders o) q
    => id=o.id customer_id=o.customer_id note=o.note total=o.total ship=o.ship
select c.*::text from orders c
    => c~o.customer_id+o.id+o.note+o.ship+o.total
select row(c.*) from orders c
    => row~o.customer_id+o.id+o.note+o.ship+o.total
select ssn(c), name(c) from customers c
    => ssn=c.ssn name=c.name
select c.row_to_json from customers c
    => row_to_json~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
select (ship).street, (o.ship).ssn, ship from orders o
    => street~o.ship ssn~o.ship ship=o.ship
select (array_agg(c))[1].ssn from customers c
    => ssn~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
select array_agg(c), max(c.id) from customers c
    => array_agg~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags max~c.id
select c::text from customers c
    => c~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
`,
  subqueries: `
select (select ssn from customers limit 1)
    => ssn=c.ssn
select (select ssn from customers where id = o.customer_id) as s from orders o
    => s=c.ssn
select (select c.ssn) from customers c
    => ssn=c.ssn
select (select max(x) from (select ssn as x union select 'a') y) from customers
    => max~c.ssn
select exists (select ssn from customers), not exists (select 1 from customers)
    => exists- ?column?-
select array(select ssn from customers), 1 in (select id from customers), 1 > all (select id from customers)
    => array~c.ssn ?column?~c.id ?column?~c.id
select (1, 2) = (select id, customer_id from orders)
    => ?column?~o.customer_id+o.id
select a from (select ssn as a from customers) x
    => a=c.ssn
select x.a, x from (select ssn as a, id from customers) x
    => a=c.ssn x~c.id+c.ssn
select b from (select ssn, name from customers) x(a, b)
    => b=c.name
select a from (select ssn, name from customers) x(a, b)
    => a=c.ssn
select t.ssn, t.id from (select id as ssn, ssn as id from customers) t
    => ssn=c.id id=c.ssn
select upper from (select upper(name) from customers) q
    => upper~c.name
select "?column?", "case", "int4" from (select 1 + 1, case when true then 1 end, '1'::int4) q
    => ?column?- case- int4-
select ssn from (select 1) q, customers
    => ssn=c.ssn
select (select ssn from (select 1) q) from customers
    => ssn=c.ssn
select q.* from (select c.*, o.note from customers c, orders o) q
    => id=c.id name=c.name ssn=c.ssn email=c.email tags=c.tags profile=c.profile email_lower=c.email_lower note=o.note
select * from (select ssn from customers) a, (select note from orders) b
    => ssn=c.ssn note=o.note
`,
  lateral: `
select l.z from customers c, lateral (select c.ssn as z) l
    => z=c.ssn
select l.z from orders o left join lateral (select c.ssn as z from customers c where c.id = o.customer_id) l on true
    => z=c.ssn
select l.z from orders o join customers c on true cross join lateral (values (c.ssn), (o.note)) as l(z)
    => z=c.ssn+o.note
select z from customers c, (select note as z from orders) l
    => z=o.note
`,
  CTE: `
with x as (select ssn from customers) select ssn from x
    => ssn=c.ssn
with x(a, b) as (select name, ssn from customers) select b, a from x
    => b=c.ssn a=c.name
with x as (select ssn from customers), y as (select ssn as s2 from x) select s2 from y
    => s2=c.ssn
with x as (with y as (select ssn from customers) select * from y) select * from x
    => ssn=c.ssn
with customers as (select 1 as ssn) select ssn from customers
    => ssn-
with customers as (select 1 as ssn) select ssn from public.customers
    => ssn=c.ssn
with customers as (select name as ssn from customers) select ssn from customers
    => ssn=c.name
with recursive t(n, s) as (select 1, ssn from customers union all select n + 1, s from t) select * from t
    => n- s=c.ssn
with recursive t(a, b) as (select name, ssn from customers union select b, a from t) select * from t
    => a=c.name+c.ssn b=c.name+c.ssn
with recursive t(a, b, c) as (select '', '', ssn from customers union all select b, c, '' from t) select a from t
    => a=c.ssn
with recursive a as (select * from b), b as (select ssn from customers) select * from a
    => ssn=c.ssn
with recursive t as (select id, name from customers union all select id, name || 'x' from t) search depth first by id set o cycle name set m using p select * from t
    => id=c.id name~c.name o~c.id m- p~c.name
select (with x as (select ssn from customers) select max(ssn) from x)
    => max~c.ssn
with x as materialized (select c from customers c) select (c).ssn, (x).c from x
    => ssn=c.ssn c~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
with x as (select ssn from customers) select x from x
    => x~c.ssn
with d as (delete from customers returning ssn, id) select * from d
    => ssn=c.ssn id=c.id
with i as (insert into orders (note) select ssn from customers returning note as n) select n from i
    => n=c.ssn+o.note
with u as (update orders set note = (select ssn from customers) returning *) select note, total from u
    => note=c.ssn+o.note total=o.total
`,
  'set operations and values': `
select name from customers union select ssn from customers
    => name=c.name+c.ssn
select ssn from customers union all select note from orders
    => ssn=c.ssn+o.note
select note from orders except select ssn from customers
    => note=c.ssn+o.note
select note from orders intersect select ssn from customers
    => note=c.ssn+o.note
select 'x' union select ssn from customers
    => ?column?=c.ssn
select upper(name) from customers union select ssn from customers
    => upper~c.name+c.ssn
(select name, ssn from customers limit 1) union all (select ssn, name from customers)
    => name=c.name+c.ssn ssn=c.name+c.ssn
select id from customers union select id from orders union select 1
    => id=c.id+o.id
select * from nowhere union select ssn, id from customers
    => ..*?
values (1, 'a'), (2, (select ssn from customers limit 1))
    => column1- column2=c.ssn
select column1, column2 from (values (1, (select ssn from customers))) v
    => column1- column2=c.ssn
select * from (values ('a', 1)) as v(x, y)
    => x- y-
select q.a from (select ssn as a from customers union select note from orders) q
    => a=c.ssn+o.note
`,
  joins: `
select * from customers c join contacts v using (id)
    => id=c.id+contacts.id name=c.name ssn=c.ssn email=c.email tags=c.tags profile=c.profile email_lower=c.email_lower ssn=contacts.ssn shout=contacts.shout
select id, c.id, v.id from customers c left join contacts v using (id)
    => id=c.id+contacts.id id=c.id id=contacts.id
select id from orders o full join customers c using (id)
    => id=c.id+o.id
select j.id, j.ssn from (customers c join orders o using (id)) as j
    => id=c.id+o.id ssn=c.ssn
select jj.id, c.ssn from customers c join orders o using (id) as jj
    => id=c.id+o.id ssn=c.ssn
select c.ssn from (customers c join orders o using (id)) as j
    => ssn?
select ssn from contacts natural join customers
    => ssn=c.ssn+contacts.ssn
select * from orders natural join events
    => id=events.id+o.id customer_id=o.customer_id note=o.note total=o.total ship=o.ship ssn=events.ssn
select o.note, c.ssn from orders o left join (select id, ssn from customers) c on c.id = o.id
    => note=o.note ssn=c.ssn
select a.ssn, b.ssn from customers a, customers b
    => ssn=c.ssn ssn=c.ssn
`,
};
