/**
 * Statements, with the probes and writes expected of them on the line below. Statements that ask.
 *
 * Probes: `where=c.ssn` one column compared with given values for equality, `where~a+b` anything else on these columns,
 * `where?` opaque. Writes: `[o.note < =c.ssn]` to column note of orders goes ssn unchanged, `~` computed, `-` a
 * constant, `?` opaque, `'x'` and `$1` a literal or parameter as given. `c.` is customers, `o.` is orders.
 */

export const askingCases: Readonly<Record<string, string>> = {
  where: `
select id from customers where id = $1
    => where=c.id
select id from customers where ssn = $1
    => where=c.ssn
select id from customers where ssn = '123-45-6789'
    => where=c.ssn
select id from customers where '123' = ssn
    => where=c.ssn
select id from customers where ssn = $1::text
    => where=c.ssn
select id from customers where email::text = $1
    => where=c.email
select id from customers where ssn = any($1)
    => where=c.ssn
select id from customers where ssn = any($1::text[])
    => where=c.ssn
select id from customers where ssn = any(array['a', 'b'])
    => where=c.ssn
select id from customers where ssn in ('a', $2)
    => where=c.ssn
select id from customers where ssn in ('a', name)
    => where~c.name+c.ssn
select id from customers where ssn not in ('a')
    => where~c.ssn
select id from customers where ssn <> all($1)
    => where~c.ssn
select id from customers where ssn > $1
    => where~c.ssn
select id from customers where ssn like '1%'
    => where~c.ssn
select id from customers where ssn ~ '^1'
    => where~c.ssn
select id from customers where ssn between '1' and '2'
    => where~c.ssn
select id from customers where ssn is not distinct from $1
    => where~c.ssn
select id from customers where lower(ssn) = $1
    => where~c.ssn
select id from customers where ssn || '' = $1
    => where~c.ssn
select id from customers where ssn = lower($1)
    => where~c.ssn
select id from customers where ssn = name
    => where~c.name+c.ssn
select id from customers where ssn = $1 collate "C"
    => where~c.ssn
select id from customers where (ssn, name) = ($1, $2)
    => where~c.name+c.ssn
select id from customers where ssn = $1 and name like 'a%' and id > 3
    => where=c.ssn where~c.name where~c.id
select id from customers where ssn = $1 or id = 1
    => where~c.id+c.ssn
select id from customers where not ssn = $1
    => where~c.ssn
select id from customers where (ssn = $1) = true
    => where~c.ssn
select id from customers where ssn is null
    =>
select id from customers where ssn is not null and id = 3
    => where=c.id
select id from customers where not (ssn is null)
    =>
select id from customers where (ssn, name) is null
    =>
select id from customers where nullif(ssn, '1') is null
    => where~c.ssn
select id from customers where coalesce(ssn, name) is null
    =>
select id from customers where case when ssn like '1%' then 1 end is null
    => where~c.ssn
select id from customers where case when ssn > '1' then true else false end
    => where~c.ssn
select id from customers where coalesce(ssn, 'x') = 'x'
    => where~c.ssn
select id from customers where true
    =>
select id from customers where now() > '2020-01-01'
    =>
select id from customers where $1 = 3
    =>
select 1 where exists (select 1 from customers)
    =>
select 1 where exists (select 1 from customers where ssn = 'x')
    => where=c.ssn
select o.id from orders o where exists (select 1 from customers c where c.id = o.customer_id and c.ssn > o.note)
    => where~c.id+o.customer_id where~c.ssn+o.note
select id from customers where id in (select customer_id from orders)
    => where~c.id+o.customer_id
select id from orders where customer_id in (select id from customers where ssn like '1%')
    => where~c.ssn where~c.id+o.customer_id
select id from orders where note in (select ssn from customers)
    => where~c.ssn+o.note
select id from orders where note = any (select ssn from customers)
    => where~c.ssn+o.note
select id from orders where note = (select ssn from customers limit 1)
    => where~c.ssn+o.note
select id from orders where (select count(*) from customers where ssn > 'x') > 0
    => where~c.ssn
select id from orders where (select count(ssn) from customers) > 0
    =>
select id from customers c where c.profile->>'ssn' = 'x'
    => where~c.profile
select id from orders o where o is not null
    =>
select id from customers c where c is not null
    => where~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
select id from customers c where c::text like '%1%'
    => where~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
select id from customers where mystery(ssn)
    => from~c.ssn where? [outside function mystery() < ~c.ssn]
select id from nowhere where a = 1
    => where?
select id from customers where nope = 1
    => where?
select id from customers where ssn === 'x'
    => where? [outside function evil_eq() < ~c.ssn]
select id from customers where dynamic(name) = 'x'
    => where? [outside function dynamic() < ~c.name]
select t.e from (select email as e from customers) t where t.e = $1
    => where=c.email
select t.e from (select coalesce(email, ssn) as e from customers) t where t.e = $1
    => where~c.email+c.ssn
select t.e from (select upper(email) as e from customers) t where t.e = $1
    => where~c.email
select id from contacts where ssn = 'x'
    => where=contacts.ssn
`,
  join: `
select c.id from customers c join orders o on o.customer_id = c.id
    => join~c.id+o.customer_id
select c.id from customers c join orders o on c.ssn = o.note
    => join~c.ssn+o.note
select c.id from customers c join orders o on o.customer_id = c.id and c.ssn = 'x'
    => join~c.id+o.customer_id join=c.ssn
select c.id from customers c left join orders o on c.ssn is null
    =>
select c.id from customers c join events e using (ssn)
    => join~c.ssn+events.ssn
select c.id from customers c join events e using (id)
    => join~c.id+events.id
select c.id from customers c natural join events e
    => join~c.id+events.id join~c.ssn+events.ssn
select c.id from customers c natural join nowhere
    => join?
select c.id from customers c cross join orders o
    =>
select c.id from customers c, orders o where c.ssn = o.note
    => where~c.ssn+o.note
select c.id from customers c join lateral (select 1 from orders o where o.note = c.ssn) x on true
    => where~c.ssn+o.note
select c.id from customers c join lateral (select 1 from orders o where o.customer_id = c.id limit 1) x on true
    => where~c.id+o.customer_id
select c.id from customers c full join (orders o join events e on e.ssn = o.note) on c.id = e.id
    => join~events.ssn+o.note join~c.id+events.id
select c.id from customers c join orders o on exists (select 1 from events e where e.ssn = c.ssn)
    => where~c.ssn+events.ssn
`,
  'order, limit': `
select id from customers order by id
    => order_by~c.id
select id from customers order by ssn
    => order_by~c.ssn
select id, ssn from customers order by 2
    => order_by~c.ssn
select id, ssn as s from customers order by s desc
    => order_by~c.ssn
select id, name as ssn from customers order by ssn
    => order_by~c.name
select id from customers order by length(ssn)
    => order_by~c.ssn
select id from customers order by ssn is null
    =>
select * from customers order by 3
    => order_by~c.ssn
select id from customers order by (select note from orders o where o.id = customers.id)
    => where~c.id+o.id order_by~o.note
select n.*, id from nowhere n, customers order by 2
    => order_by?
select id from customers limit 3 offset $1
    =>
select id from customers limit (select length(ssn) from customers where id = 1)
    => where=c.id limit~c.ssn
select id from customers offset (select count(*) from orders)
    =>
select * from customers tablesample system ((select length(ssn) from events limit 1))
    => limit~events.ssn
select * from customers tablesample bernoulli (10) repeatable (1)
    =>
select id from customers order by case when ssn like '1%' then 0 else 1 end, id
    => expression~c.ssn order_by~c.ssn order_by~c.id
select ssn from customers union all select note from orders order by 1
    => order_by~c.ssn+o.note
select ssn from customers union all select note from orders order by ssn limit 1
    => order_by~c.ssn+o.note
values (1), (2) order by 1
    =>
select id from customers order by ssn fetch first 3 rows with ties
    => order_by~c.ssn
`,
  'group, distinct, having': `
select count(*) from customers group by ssn
    => group_by~c.ssn
select count(*) from customers group by name, ssn
    => group_by~c.name group_by~c.ssn
select ssn, count(*) from customers group by 1
    => group_by~c.ssn
select name, ssn as s, count(*) from customers group by s
    => group_by~c.ssn
select upper(ssn) as name, count(*) from customers group by name
    => group_by~c.name
select count(*) from customers group by upper(ssn)
    => group_by~c.ssn
select count(*) from customers group by rollup (name, ssn)
    => group_by~c.name group_by~c.ssn
select count(*) from customers group by cube ((id, ssn), name)
    => group_by~c.id group_by~c.ssn group_by~c.name
select name, ssn, count(*) from customers group by grouping sets ((1), (2), ())
    => group_by~c.name group_by~c.ssn
select grouping(ssn) from customers group by name
    => group_by~c.name
select distinct ssn from customers
    => distinct~c.ssn
select distinct id, name from customers
    => distinct~c.id distinct~c.name
select distinct id, ssn is null from customers
    => distinct~c.id
select distinct on (ssn) id from customers
    => distinct~c.ssn
select distinct on (1) ssn, id from customers order by 1, 2
    => distinct~c.ssn order_by~c.ssn order_by~c.id
select distinct * from contacts2
    => distinct~contacts2.ssn distinct~contacts2.n
select count(distinct ssn) from customers
    =>
select count(distinct nullif(ssn, 'x')) from customers
    =>
select customer_id from orders group by customer_id having count(*) > 3
    => group_by~o.customer_id
select name from customers group by name having max(ssn) > 'x' and count(ssn) > 2
    => group_by~c.name having~c.ssn
select name from customers group by name having count(nullif(ssn, 'x')) = 0
    => group_by~c.name having~c.ssn
select name from customers group by name, ssn having ssn = 'x'
    => group_by~c.name group_by~c.ssn having=c.ssn
select name from customers union select note from orders
    => set_operation~c.name+o.note
select ssn from customers union select note from orders
    => set_operation~c.ssn+o.note
select ssn from customers union all select note from orders
    =>
select 'x' intersect select ssn from customers
    => set_operation~c.ssn
select 'x' intersect all select ssn from customers
    => set_operation~c.ssn
select ssn from customers except all select 'x'
    => set_operation~c.ssn
select id from customers except select id from orders
    => set_operation~c.id+o.id
`,
  'windows, aggregates': `
select row_number() over (order by ssn) from customers
    => window~c.ssn
select row_number() over (partition by ssn) from customers
    => window~c.ssn
select row_number() over (partition by name order by id) from customers
    => window~c.name window~c.id
select rank() over w from customers window w as (order by ssn)
    => window~c.ssn
select rank() over (w order by id) from customers window w as (partition by name)
    => window~c.id window~c.name
select count(*) over (order by id range between length(ssn) preceding and current row) from customers
    => window~c.id window~c.ssn
select string_agg(name, ',' order by ssn) from customers
    => order_by~c.ssn
select string_agg(ssn, ',' order by id) from customers
    => order_by~c.id
select count(name order by ssn) from customers
    => order_by~c.ssn
select percentile_disc(0.5) within group (order by ssn) from customers
    =>
select count(*) filter (where ssn = 'x') from customers
    => filter=c.ssn
select count(*) filter (where ssn like '1%' and id > 3) from customers
    => filter~c.ssn filter~c.id
select count(*) filter (where ssn is not null) from customers
    =>
select sum(length(ssn)) from customers
    =>
`,
  'rows of functions': `
select * from generate_series(1, 10)
    =>
select 1 from customers c, generate_series(1, length(c.ssn)) g
    => expression~c.ssn from~c.ssn
select 1 from customers c, unnest(c.tags) u
    => from~c.tags
select generate_series(1, length(ssn)) from customers
    => expression~c.ssn from~c.ssn
select unnest(tags) from customers
    => from~c.tags
select 1 from customers c, lower(c.ssn) l
    =>
select 1 from customers c, rows from (generate_series(1, 2), regexp_split_to_table(c.ssn, '')) r
    => from~c.ssn
select 1 from customers c, pair(c.ssn) p
    => from~c.ssn
select 1 from customers c, xmltable('/a' passing (c.ssn::xml) columns x text path 'b') t
    => expression~c.ssn from~c.ssn
select 1 from customers c, json_table(c.profile, '$.a[*]' columns (x text path '$')) t
    => from~c.profile
select 1 from customers c, lateral (select 1 limit length(c.ssn)) t
    => limit~c.ssn
select 1 from customers c, lateral (values (c.ssn)) v
    =>
select 1 from customers c, mystery(c.ssn) m
    => from~c.ssn [outside function mystery() < ~c.ssn]
`,
  'errors and time': `
select ssn::int from customers
    => expression~c.ssn
select ssn::text, ssn::varchar(3), ssn::citext from customers
    =>
select id::int8, id::numeric, id::text from customers
    =>
select id::numeric(2, 1) from customers
    => expression~c.id
select total::int4 from orders
    => expression~o.total
select ssn::us_ssn from customers
    => expression~c.ssn
select name::mood from customers
    => expression~c.name
select tags::text from customers
    =>
select ssn::text[] from customers
    => expression~c.ssn
select $1::int, '3'::date
    =>
select 1 / length(ssn) from customers
    => expression~c.ssn
select length(ssn) / 2 from customers
    =>
select id / nullif(length(ssn), 0) from customers
    =>
select id / nullif(length(ssn), 3) from customers
    => expression~c.id+c.ssn
select id % length(ssn) from customers
    => expression~c.ssn
select 1 / (case when ssn like '1%' then 0 else 1 end) from customers
    => expression~c.ssn
select sum(total) / count(*) from orders
    =>
select sum(total) / count(total) from orders
    =>
select pg_sleep(length(ssn)) from customers
    => expression~c.ssn
select pg_sleep(1) from customers
    =>
select case when ssn like '1%' then pg_sleep(1) end from customers
    => expression~c.ssn
select case when ssn like '1%' then (select pg_sleep(3)) end from customers
    => expression~c.ssn
select repeat('x', length(ssn)) from customers
    => expression~c.ssn
select repeat('x', 3), chr(65), sqrt(2) from customers
    =>
select upper(ssn), substr(ssn, 1, 3) from customers
    =>
select case when ssn like '1%' then 1 / (id - id) end from customers
    => expression~c.id expression~c.ssn
select case when ssn like '1%' then name::int end from customers
    => expression~c.name expression~c.ssn
select case when ssn like '1%' then 'a' else 'b' end from customers
    => expression~c.ssn
select case when ssn like '1%' then id / 2 else 3 end from customers
    => expression~c.ssn
select case when ssn is null then pg_sleep(1) end from customers
    =>
select case id when 1 then pg_sleep(1) end from customers
    => expression~c.id
select case when ssn like '1%' then set_config('a.b', 'x', false) end from customers
    => expression~c.ssn
select case when ssn like '1%' then nextval('s') end from customers
    => expression~c.ssn
select case when ssn like '1%' then dynamic('x') end from customers
    => expression~c.ssn
select case when ssn like '1%' then upper(name) || 'x' end from customers
    => expression~c.ssn
select case when ssn like '1%' then 2147483647 + id end from customers
    => expression~c.id expression~c.ssn
select case when name = 'x' then (select count(*) from orders) end from customers
    => expression~c.name
select ssn like '1%' and pg_sleep(1) is null from customers
    => expression~c.ssn
select ssn like '1%' or id > 3 from customers
    => expression~c.id+c.ssn
select coalesce(nullif(ssn, 'x'), pg_sleep(1)::text) from customers
    => expression~c.ssn
select coalesce(ssn, 'none'), coalesce(name, (select note from orders limit 1)) from customers
    =>
select total * 12, total + 100, total - 1, 12 * total, -total from orders
    =>
select sum(total) * 12, avg(total) / 12 from orders
    =>
select total * 42949 from orders
    => expression~o.total
select total * $1 from orders
    => expression~o.total
select total * 1000 * 1000 from orders
    => expression~o.total
select total + 2147483600 from orders
    => expression~o.total
select total + '2147483600' from orders
    => expression~o.total
select length(ssn) + 2147483600 from customers
    => expression~c.ssn
select total * customer_id from orders
    => expression~o.customer_id+o.total
select (x.t * 1000) from (select total * 1000 as t from orders) x
    => expression~o.total
select total * 0.0000001 from orders
    => expression~o.total
select -(total + 1) from orders
    => expression~o.total
select -total from orders
    =>
select (array[1, 2])[total] from orders
    => expression~o.total
select row(ssn, 1) from customers
    =>
select ssn like 'a\\x'::varchar(2) from customers
    => expression~c.ssn
select json_value('1'::jsonb, '$ ? ($g starts with "1")' passing ssn as g) from customers
    => expression~c.ssn
select ssn collate "x-icu" < 'a' from customers
    =>
select profile - 'ssn' from customers
    => expression~c.profile
select current_date - id, now() - interval '1 day' from customers
    =>
select 2147483647 + 1
    =>
select now() at time zone (case when ssn like '1%' then 'UTC' else 'x' end) from customers
    => expression~c.ssn
select ssn at time zone 'UTC' from customers
    =>
select concat(name, ' ', ssn, $1, now(), current_user), left(ssn, 3), length(ssn) from customers
    =>
select concat(ssn, repeat('x', 1073741810)) from customers
    => expression~c.ssn
select length(ssn, 'UTF8') from customers
    => expression~c.ssn
select left('x', ssn::int) from customers
    => expression~c.ssn
select sum(x) from (select id as x from customers union all select 2147483647) t
    => expression~c.id
select sum(id), max(ssn) from customers
    =>
select replace(ssn, '1', 'x'), regexp_replace(ssn, '^(.).*$', '\\1'), overlay(ssn placing 'x' from 2) from customers
    =>
select replace(ssn, '1', repeat('x', 1000000)) from customers
    => expression~c.ssn
select replace(ssn, '1', $1) from customers
    => expression~c.ssn
select regexp_replace(ssn, '^1(.*)(.*)(.*)\\1\\2\\3$', 'x') from customers
    => expression~c.ssn
select regexp_count(ssn, $1), ssn ~ '(.)\\1' from customers
    => expression~c.ssn
select ssn ~ '^1', substring(ssn from '[0-9]+'), regexp_match(ssn, '[0-9]') from customers
    =>
select regexp_replace(lower(ssn), '[0-9]', 'x') from customers
    => expression~c.ssn
select regexp_replace(name, case when ssn like '1%' then '(' else 'a' end, 'x') from customers
    => expression~c.ssn expression~c.name+c.ssn
select 'a' ~ (case when ssn like '1%' then '(' else 'a' end) from customers
    => expression~c.ssn
select 'a' like (case when ssn like '1%' then 'a\\' else 'a' end) from customers
    => expression~c.ssn
select name like ssn, name ~ 'x' from customers
    => expression~c.name+c.ssn
select substr(name, 1, case when ssn like '1%' then -1 else 1 end) from customers
    => expression~c.ssn expression~c.name+c.ssn
select substring(email from position('@' in email) + 1) from customers
    =>
select upper(reverse(ssn)), length(upper(ssn)) + 1, md5(ssn || 'x') from customers
    =>
select current_setting(case when ssn like '1%' then 'x' else 'y.z' end) from customers
    => expression~c.ssn
select xmlparse(content ssn) from customers
    => expression~c.ssn
select xmlelement(name a, ssn) from customers
    =>
select json(ssn) from customers
    => expression~c.ssn
select json_value(profile, '$.a') from customers
    =>
select json_value(profile, '$.a' error on error) from customers
    => expression~c.profile
select shout(upper(ssn)) from customers
    => expression~c.ssn
`,
  CTE: `
with t as (select id from customers where ssn = 'x') select * from t
    => where=c.ssn
with t as (select id, ssn from customers) select id from t where ssn > 'x'
    => where~c.ssn
with t as (select id from customers where ssn = 'x') select 1
    => where=c.ssn
with recursive t(n, s) as (select id, ssn from customers union all select n + 1, s from t where s > 'x') select n from t
    => where~c.ssn expression~c.id
with recursive t(n, s) as (select id, ssn from customers union select n + 1, s from t) select n from t
    => set_operation~c.id set_operation~c.ssn expression~c.id
with a as (insert into orders (note) select ssn from customers) select 1
    => [o.note < =c.ssn]
with a as (delete from orders where note = (select ssn from customers limit 1)) select 1
    => where~c.ssn+o.note
select * from (with d as (update orders set note = 'x' where id = 1 returning id) select * from d) t
    => where=o.id [o.note < 'x']
`,
  'SQL functions': `
select * from find_customer(1)
    => where=c.id
select * from customers c, find_customer(length(c.ssn)) f
    => expression~c.ssn where~c.id+c.ssn from~c.ssn
select shout(ssn) from customers
    =>
select atomic('x')
    => where=c.name
select atomic(ssn) from customers
    => where~c.name+c.ssn
select again(ssn) from customers
    => [outside function again() < ~c.ssn]
select dynamic(ssn) from customers
    => [outside function dynamic() < ~c.ssn]
select dynamic('x') from customers
    =>
select initials(ssn) from customers
    =>
select similarity(ssn, 'x') from customers
    =>
select total_of(ssn) from customers
    => [outside function total_of() < ~c.ssn]
select keep(ssn) from customers
    => [o.note < =c.ssn]
select keep('x') from customers
    => [o.note < -]
select keep($1)
    => [o.note < -]
select keep_all()
    => [o.note < =c.ssn]
select stable_unread(ssn) from customers
    => [outside function stable_unread() < ~c.ssn]
select is_known(ssn) from customers
    => where~c.ssn+o.note
select is_known('x')
    => where=o.note
select schedule(ssn) from customers
    =>
`,
  'what no condition asks': `
select id from orders where exists (select max(case when ssn like '1%' then pg_sleep(1)::text end) from customers)
    => expression~c.ssn
select id from customers where pg_typeof(case when ssn like '1%' then 1 end) is not null
    => expression~c.ssn
select id from customers where case when ssn like '1%' then true else false end
    => where~c.ssn
select (select row('x', 1)) = x.r from (select row(ssn, id) as r from customers) x
    => expression~c.id+c.ssn
select greatest(c, row(1, 'x')::customers) from customers c
    => expression~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
select replace((ssn between 'a' and $1)::text, 'x', '') from customers
    => expression~c.ssn
select nullif(ssn, '1') = note from customers, orders
    => expression~c.ssn
select greatest(nullif(ssn, '1'), 'a') from customers
    => expression~c.ssn
select total = tableoid from orders
    => expression~o.total
select total from orders union all select 1.5
    =>
select total from orders union all select 1::float8
    => expression~o.total
select coalesce(total, 0) from orders
    =>
select ssn from customers union all select null
    =>
select total = $1 from orders
    =>
select rank(1) within group (order by total) from orders
    =>
select n.k from (select lower(ssn) as x from customers) c, lateral (select c.x as k) n
    => join~c.ssn
select n.k from (select lower(ssn) as x, id from customers) c, lateral (select c.id as k) n
    =>
explain analyze select count(*) from (select lower(ssn) from customers) x
    => expression~c.ssn
explain select count(*) from (select lower(ssn) from customers) x
    =>
create collation c (provider = icu, locale = 'und', deterministic = false)
    => [unknown a collation decides what is equal < ?]
select id from customers where ssn = 'x'::text
    => where=c.ssn
prepare p (text) as select id from customers where ssn = $1
    => where=c.ssn
`,
};
