/**
 * Statements, with the probes and writes expected of them on the line below. Statements that move values.
 *
 * Probes: `where=c.ssn` one column compared with given values for equality, `where~a+b` anything else on these columns,
 * `where?` opaque. Writes: `[o.note < =c.ssn]` to column note of orders goes ssn unchanged, `~` computed, `-` a
 * constant, `?` opaque, `'x'` and `$1` a literal or parameter as given. `c.` is customers, `o.` is orders.
 */

export const movingCases: Readonly<Record<string, string>> = {
  insert: `
insert into orders (id, note) values (1, 'x')
    => [o.id < '1'] [o.note < 'x']
insert into orders (id, note) values ($1, $2), (2, 'y')
    => [o.id < $1] [o.id < '2'] [o.note < $2] [o.note < 'y']
insert into orders values (1, 2, 'x')
    => [o.id < '1'] [o.customer_id < '2'] [o.note < 'x']
insert into orders default values
    =>
insert into orders (id, note) values (default, 'x')
    => [o.note < 'x']
insert into orders (note) values (null)
    => [o.note < -]
insert into orders (note) values (now()::text)
    => [o.note < -]
insert into orders (id, note) values (0, ''), (-1, 'x'::text), (1.5, true::text)
    => [o.id < '0'] [o.id < '-1'] [o.id < '1.5'] [o.note < ''] [o.note < 'x'] [o.note < 'true']
insert into orders (note) values ('abcdef'::varchar(3))
    => [o.note < -]
insert into orders (note) select ssn from customers
    => [o.note < =c.ssn]
insert into orders (id, note) select id, upper(ssn) from customers where name = 'x'
    => where=c.name [o.id < =c.id] [o.note < ~c.ssn]
insert into orders (note) select $1 where not exists (select 1 from customers where email = $2)
    => where=c.email [o.note < $1]
insert into orders (note) select ssn from customers union all select 'x'
    => [o.note < 'x'] [o.note < =c.ssn]
insert into orders (note) values ((select ssn from customers limit 1))
    => [o.note < =c.ssn]
insert into orders select * from orders
    => [o.id < =o.id] [o.customer_id < =o.customer_id] [o.note < =o.note] [o.total < =o.total] [o.ship < =o.ship]
insert into orders (note) select * from nowhere
    => [o.note < ?]
insert into nowhere (a) values (1)
    =>
insert into nowhere select ssn from customers
    => [unknown table nowhere < =c.ssn]
insert into nowhere (a) select id from orders
    => [unknown column a of nowhere < =o.id]
insert into contacts (ssn) values ('x')
    => [contacts.ssn < 'x']
insert into orders (note) with t as (select ssn from customers) select ssn from t
    => [o.note < =c.ssn]
insert into orders (note) select ssn from customers returning id
    => [o.note < =c.ssn]
`,
  'on conflict': `
insert into customers (id, email) values ($1, $2) on conflict (email) do nothing
    => on_conflict=c.email [c.id < $1] [c.email < $2]
insert into customers (id, email) values ($1, lower($2)) on conflict (email) do nothing
    => on_conflict~c.email [c.id < $1] [c.email < -]
insert into customers (id, email) select id, note from orders on conflict (email) do nothing
    => on_conflict~c.email [c.id < =o.id] [c.email < =o.note]
insert into customers (id, name) values (1, 'x') on conflict (id) do update set name = excluded.name
    => on_conflict=c.id [c.id < '1'] [c.name < 'x']
insert into customers (id, name, ssn) values (1, 'x', 'y') on conflict (id) do update set name = excluded.ssn
    => on_conflict=c.id [c.id < '1'] [c.name < 'x'] [c.ssn < 'y'] [c.name < 'y']
insert into customers (id, name) values (1, 'x') on conflict (id) do update set name = customers.ssn
    => on_conflict=c.id [c.id < '1'] [c.name < 'x'] [c.name < =c.ssn]
insert into customers (id, name) values (1, 'x') on conflict (id) do update set name = 'z' where customers.ssn = 'q'
    => on_conflict=c.id on_conflict=c.ssn [c.id < '1'] [c.name < 'x'] [c.name < 'z']
insert into customers (id, name) values (1, 'x') on conflict (lower(ssn)) do nothing
    => on_conflict~c.ssn [c.id < '1'] [c.name < 'x']
insert into customers (id) values (1) on conflict do nothing
    => [c.id < '1']
insert into orders (id) values (1) on conflict on constraint orders_pkey do nothing
    => [o.id < '1']
insert into nowhere (id) values (1) on conflict do nothing
    => on_conflict?
insert into customers (id, name) select id, note from orders on conflict (id) do update set name = excluded.name
    => on_conflict~c.id [c.id < =o.id] [c.name < =o.note]
`,
  'update, delete': `
update customers set name = 'x' where id = 1
    => where=c.id [c.name < 'x']
update customers set ssn = ssn
    => [c.ssn < =c.ssn]
update customers set name = ssn
    => [c.name < =c.ssn]
update customers set name = name || ssn
    => [c.name < ~c.name+c.ssn]
update customers set name = 'x' where ssn like '1%'
    => where~c.ssn [c.name < 'x']
update customers set name = 'x' where ssn = $1
    => where=c.ssn [c.name < 'x']
update customers set name = default
    =>
update orders set note = c.ssn from customers c where c.id = orders.customer_id
    => where~c.id+o.customer_id [o.note < =c.ssn]
update orders set note = 'x' from customers c where c.ssn = orders.note
    => where~c.ssn+o.note [o.note < 'x']
update orders set (id, note) = (1, 'x')
    => [o.id < '1'] [o.note < 'x']
update orders set (id, note) = (select id, ssn from customers limit 1)
    => [o.id < =c.id] [o.note < =c.ssn]
update orders set (id, note) = row(1, default)
    => [o.id < '1']
update customers set tags[length(ssn)] = 'x'
    => [c.tags < 'x']
update orders set ship.street = (select ssn from customers limit 1)
    => [o.ship < ~c.ssn]
update customers set name = case when ssn like '1%' then 'a' else 'b' end
    => expression~c.ssn [c.name < ~c.ssn]
update nowhere set a = 1
    =>
update nowhere set a = (select ssn from customers)
    => [unknown column a of nowhere < =c.ssn]
update orders set note = 'x' where current of cur
    => [o.note < 'x']
delete from customers where id = 1
    => where=c.id
delete from customers where ssn = 'x'
    => where=c.ssn
delete from customers using orders o where o.note = customers.ssn
    => where~c.ssn+o.note
delete from orders where id in (select id from customers where ssn > 'x')
    => where~c.ssn where~c.id+o.id
delete from customers where ssn is null returning id
    =>
`,
  merge: `
merge into orders o using customers c on o.customer_id = c.id when matched then update set note = c.ssn
    => merge~c.id+o.customer_id [o.note < =c.ssn]
merge into orders o using customers c on o.note = c.ssn when matched then do nothing
    => merge~c.ssn+o.note
merge into orders o using customers c on o.id = c.id when matched and c.ssn like '1%' then delete
    => merge~c.id+o.id merge~c.ssn
merge into orders o using customers c on o.id = c.id when not matched then insert (id, note) values (c.id, c.ssn)
    => merge~c.id+o.id [o.id < =c.id] [o.note < =c.ssn]
merge into orders o using (values (1, 'x')) v(a, b) on o.id = v.a when not matched then insert (id, note) values (v.a, 'y')
    => merge~o.id [o.id < -] [o.note < 'y']
merge into customers using orders o on customers.id = o.id and customers.ssn = 'x' when not matched by source then delete
    => merge~c.id+o.id merge=c.ssn
`,
  'new tables': `
create table x as select ssn from customers
    => [new x < =c.ssn]
create table s.x as select id, upper(ssn) from customers
    => [new s.x < =c.id] [new s.x < ~c.ssn]
create table x as select ssn from customers with no data
    =>
create temp table x as select 1 as a, 'x' as b
    =>
create table x as select * from nowhere
    => [new x < ?]
create table x as execute p
    => [new x < ?]
select ssn into x from customers
    => [new x < =c.ssn]
select id into x from orders
    => [new x < =o.id]
select ssn into x from customers union all select note from orders
    => [new x < =c.ssn+o.note]
create materialized view m as select ssn from customers
    => [outside the materialized view m < =c.ssn]
create materialized view m as select ssn from customers with no data
    => [outside the materialized view m < =c.ssn]
create materialized view m as select id, upper(note) from orders
    => [outside the materialized view m < =o.id] [outside the materialized view m < ~o.note]
create materialized view m as select id from customers where ssn > 'x'
    => where~c.ssn [outside the materialized view m < =c.id]
create view v as select ssn from customers
    => [outside the view v < ~c.ssn]
create view v as select id from customers where ssn like '1%'
    => where~c.ssn [outside the view v < ~c.id]
explain create table x as select ssn from customers
    =>
`,
  copy: `
copy customers to stdout
    =>
copy customers (id, ssn) to '/tmp/x'
    => [outside a file on the server < =c.id] [outside a file on the server < =c.ssn]
copy orders (id) to program 'cat'
    => [outside a program on the server < =o.id]
copy (select ssn from customers) to stdout
    =>
copy (select ssn from customers where ssn > 'x') to '/tmp/x'
    => where~c.ssn [outside a file on the server < =c.ssn]
copy (select 1) to '/tmp/x'
    =>
copy orders (id, note) from stdin
    => [o.id < -] [o.note < -]
copy nowhere from stdin
    =>
`,
  'side effects': `
select set_config('a.b', ssn, false) from customers
    => [outside set_config(): a setting of the session < ~c.ssn]
select set_config('a.b', 'x', false) from customers
    =>
select pg_catalog.set_config('a.b', ssn, false) from customers
    => [outside set_config(): a setting of the session < ~c.ssn]
select pg_notify('c', ssn) from customers
    => [outside pg_notify(): a notification < ~c.ssn]
select lo_from_bytea(0, ssn::bytea) from customers
    => expression~c.ssn [outside lo_from_bytea(): a large object < ~c.ssn]
select lo_put(1, 0, convert_to(ssn, 'utf8')) from customers
    => expression~c.ssn [outside lo_put(): a large object < ~c.ssn]
select setval('s', length(ssn)) from customers
    => expression~c.ssn [outside setval(): a sequence < ~c.ssn]
select pg_advisory_lock(length(ssn)) from customers
    => expression~c.ssn [outside pg_advisory_lock(): the number of a lock < ~c.ssn]
select pg_advisory_lock(1)
    =>
select setseed(length(ssn)) from customers
    => expression~c.ssn [outside setseed(): the seed that random() shows < ~c.ssn]
select pg_logical_emit_message(true, 'x', ssn) from customers
    => [outside pg_logical_emit_message(): the write-ahead log < ~c.ssn]
select * from dblink('x', 'select 1') as t(a int)
    => [unknown dblink() runs SQL given as text < ?]
select query_to_xml('select 1', true, true, '')
    => [unknown query_to_xml() runs SQL given as text < ?]
select mystery(ssn) from customers
    => from~c.ssn [outside function mystery() < ~c.ssn]
select mystery('x') from customers
    =>
select (c).ssn, c.name from customers c
    =>
select note(o) from orders o
    =>
select ssn(c) from customers c
    => expression~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
select count(*) from customers where set_config('a.b', ssn, false) <> ''
    => where~c.ssn [outside set_config(): a setting of the session < ~c.ssn]
select ssn |~ 'x', |! 1 from customers
    =>
select case when ssn like '1%' then |! 1 end from customers
    => expression~c.ssn
select 'channel' |> ssn from customers
    => [outside function pg_notify() < ~c.ssn]
select 'channel' |# ssn from customers
    => [outside pg_notify(): a notification < ~c.ssn]
select joined_up(ssn) from customers
    => expression~c.ssn
select kept_in(ssn, 'x') from customers
    => expression~c.ssn [outside function set_config() < ~c.ssn] [outside function kept_in() < ~c.ssn]
select in_plpgsql(ssn) from customers
    => expression~c.ssn [outside function dynamic() < ~c.ssn] [outside function in_plpgsql() < ~c.ssn]
select ssn === 'x' from customers
    => [outside function evil_eq() < ~c.ssn]
select ssn::evil from customers
    => expression~c.ssn [outside function evil_eq() < =c.ssn]
`,
  'types that are checked': `
select checked(name) from customers
    => expression~c.name
select checked('x') from customers
    =>
select checked_list(tags) from customers
    => expression~c.tags
select json_array(name returning us_ssn) from customers
    => expression~c.name
select json_array(name returning jsonb) from customers
    =>
select greeting(name) from customers
    =>
`,
  'around a query': `
prepare p as select id from customers where ssn = $1
    => where=c.ssn
prepare p as update customers set name = ssn
    => [c.name < =c.ssn]
declare c cursor for select id from customers where ssn > 'x'
    => where~c.ssn
explain select id from customers where ssn > 'x'
    => where~c.ssn
explain update customers set name = ssn where ssn = 'x'
    => where=c.ssn
explain analyze update customers set name = ssn
    => [c.name < =c.ssn]
explain (analyze off) update customers set name = ssn
    =>
explain (analyze, buffers) update customers set name = ssn
    => [c.name < =c.ssn]
explain select ssn_of(3)
    => where=c.id [outside the plan that EXPLAIN shows < ~c.id+c.ssn]
explain (verbose) select greeting(ssn) from customers
    =>
explain select id from orders where note = greeting('x')
    => where~o.note
explain select upper(note), count(*) from orders group by 1
    => group_by~o.note
explain select * from nowhere
    => [outside the plan that EXPLAIN shows < ?]
explain execute p
    => [outside the plan that EXPLAIN shows < ~c.id+c.name+c.ssn]
execute p
    => [unknown EXECUTE runs a statement that was prepared before < ?]
fetch 3 from c
    =>
call dynamic('x')
    =>
call keep_customers()
    => [o.note < =c.ssn]
`,
  'functions and schema': `
create function f() returns int language sql as 'select 1'
    =>
create function f(x text) returns text language sql as 'insert into orders (note) values (x) returning note'
    => [o.note < -] [outside the body of f() < ~o.note]
create or replace function f(x text) returns text language sql as 'insert into orders (note) values (x) returning note'
    => [o.note < -] [outside the body of f() < ~o.note]
create or replace function shout(text) returns text language sql as 'insert into orders (note) values ($1) returning note'
    => [o.note < ?]
create or replace function shout(text) returns text language sql as 'select upper($1)'
    =>
create function f() returns int language sql as 'insert into orders (note) select ssn from customers; select 1'
    => [o.note < =c.ssn]
create function f() returns bigint language sql as 'select count(*) from customers where ssn > $1'
    =>
create procedure f() begin atomic insert into orders (note) select ssn from customers; end
    => [o.note < =c.ssn]
create function f(a int) returns int return a + 1
    =>
create function f() returns int language sql set search_path = public as 'update orders set note = (select ssn from customers limit 1); select 1'
    => [o.note < =c.ssn]
create function f() returns int language sql set search_path = "$user" as 'select 1'
    => [unknown the body of f() cannot be read < ?]
create function f() returns text language sql as 'select set_config(''a.b'', ssn, false) from customers'
    => [outside set_config(): a setting of the session < ~c.ssn] [outside the body of f() < ~c.ssn]
create function f() returns int language plpgsql as 'begin return 1; end'
    => [unknown the body of f() cannot be read < ?]
create function f() returns int language sql as 'not sql at all'
    => [unknown the body of f() cannot be read < ?]
do 'begin null; end'
    => [unknown DO runs a block that cannot be read < ?]
create trigger t before insert on orders for each row execute function f()
    => [unknown a trigger runs code on every change < ?]
create rule r as on select to orders do instead select 1
    => [unknown a rule replaces statements < ?]
create extension dblink
    => [unknown an extension brings code < ?]
alter extension dblink update
    => [unknown an extension brings code < ?]
create event trigger e on ddl_command_start execute function f()
    => [unknown an event trigger runs code on other statements < ?]
create publication p for table customers
    => [unknown a publication sends rows elsewhere < ?]
create schema s create view v as select id from customers where ssn > 'x'
    => where~c.ssn [outside the view v < ~c.id]
`,
  tables: `
alter table customers add constraint c check (ssn not like '1%')
    => constraint~c.ssn
alter table customers add constraint c check (id > 3)
    => constraint~c.id
alter table customers add unique (ssn)
    => constraint~c.ssn
alter table orders add foreign key (note) references customers (ssn)
    => constraint~o.note constraint~c.ssn
alter table orders add foreign key (customer_id) references customers (id)
    => constraint~o.customer_id constraint~c.id
alter table customers add column x text default 'y'
    =>
alter table customers add column x text default dynamic('y')
    => [unknown column x of customers < ?]
alter table customers add column x int generated always as (1 / length(ssn)) stored
    => expression~c.ssn [outside the generated column x < ~c.ssn]
alter table customers add column x text generated always as (ssn) stored
    =>
create table x (a int, b int generated always as (a * 2) stored)
    =>
create table x (a text, b text generated always as (dynamic(a)) stored)
    => [outside the generated column b < ?]
alter table customers alter column name type text using ssn
    => [c.name < =c.ssn]
alter table customers alter column ssn type int using ssn::int
    => expression~c.ssn [c.ssn < ~c.ssn]
alter table customers alter column ssn type varchar(20)
    =>
alter table customers alter column email_lower drop expression
    => [outside column email_lower without its expression < =c.email_lower]
alter table customers rename column ssn to x
    => [outside column x, a new name < =c.ssn]
alter table customers rename column nope to x
    => [outside column x, a new name < ?]
alter table customers rename to x
    => [outside table x, a new name < ~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags]
alter table orders set schema odd
    => [outside schema odd, a new name < ~o.customer_id+o.id+o.note+o.ship+o.total]
alter schema public rename to x
    => [unknown x is a new name for everything in it < ?]
alter index i rename to j
    =>
alter table events detach partition events_1
    => [outside table events_1 on its own < ~events_1.id+events_1.ssn]
alter table events_1 no inherit events
    => [outside table events_1 on its own < ~events_1.id+events_1.ssn]
alter table events attach partition events_1 for values from ('1') to ('2')
    => constraint~events_1.id+events_1.ssn
alter table customers validate constraint c
    => constraint~c.email+c.email_lower+c.id+c.name+c.profile+c.ssn+c.tags
alter table customers alter column ssn set not null
    =>
alter table customers enable row level security
    =>
alter domain us_ssn add check (value like '1%')
    =>
alter domain us_ssn set default 'x'
    =>
create unique index i on customers (ssn)
    => constraint~c.ssn
create index i on customers (ssn)
    =>
create index i on customers ((1 / length(ssn)))
    => expression~c.ssn constraint~c.ssn
create index i on customers (dynamic(name))
    => constraint? [outside function dynamic() < ~c.name]
create index i on customers (id) where ssn > 'x'
    => constraint~c.ssn
create policy p on customers using (ssn = 'x')
    => where=c.ssn
create policy p on customers using (id = 1)
    => where=c.id
create statistics s on name, ssn from customers
    =>
create statistics s on (nullif(ssn, 'x')) from customers
    => constraint~c.ssn
create table x (a int default 3, b text, check (a > 1))
    =>
create table x (a text default dynamic('x'))
    => [unknown column a of x < ?]
`,
  'harmless commands': `
begin
    =>
set a.b = 'x'
    =>
show a.b
    =>
vacuum customers
    =>
truncate customers
    =>
drop table customers
    =>
grant select on customers to bob
    =>
comment on table customers is 'x'
    =>
notify c, 'x'
    =>
create role r
    =>
create sequence s
    =>
create type t as enum ('a')
    =>
refresh materialized view snapshot
    =>
refresh materialized view nowhere
    => [unknown what the materialized view nowhere is made of cannot be read < ?]
alter function dynamic(text) set standard_conforming_strings = off
    => [unknown with standard_conforming_strings the body of a function means something else < ?]
alter function dynamic(text) set search_path = public set work_mem = '8MB' strict
    =>
alter function dynamic(text) reset all
    =>
`,
};
