import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isHarmlessBody } from '../../../../src/protocols/postgres/lineage/plpgsql.ts';

const pure = new Set(['upper', 'substr', 'regexp_replace', 'length']);
const harmless = (body: string): boolean =>
  isHarmlessBody(
    body,
    (name) => pure.has(name),
    (operator) => operator !== '===',
    (type) => ['text', 'numeric', 'int'].includes(type),
  );

describe('isHarmlessBody', () => {
  const accepted = [
    'begin return upper(x); end',
    "begin -- select from where\n return 'select ssn from t' || x; end",
    "begin /* from customers */ if length(x) > 3 then return substr(x, 1, 2); end if; return regexp_replace(x, '[^0-9]', ''); end",
    'declare y numeric(10, 2) := 1.5; begin y := y * 2; return (y)::text; end',
    'declare y constant text := x; z int; begin z := length(y); return z :: int; end',
    'declare y int[]; begin return y[1:2]::int[]; end',
    "begin return case when x in ('a', 'b') then 'it''s' else null end; end",
  ];
  for (const body of accepted) it(`takes ${body.slice(0, 50)}`, () => assert.equal(harmless(body), true));

  const refused = [
    'begin return (select ssn from customers); end',
    'begin return (table customers); end',
    'declare y text; begin y := ssn from customers; return y; end',
    "begin execute 'select 1'; return x; end",
    'begin perform other(x); return x; end',
    'begin return other(x); end',
    'begin return other (x); end',
    'begin return other/* */(x); end',
    'begin return public.upper(x); end',
    'begin return public . upper(x); end',
    'begin return "Other"(x); end',
    "begin return E'\\''; other(x); end",
    "begin return $q$'$q$; other(x); end",
    "begin return 'never closed; end",
    "begin return 'a'--'\n|| other('x'); end",
    "begin return 1 +-- '\n other('x'); end",
    'begin return x === y; end',
    'begin return current_setting(x); end',
    'begin return x operator(public.+) y; end',
    'begin return x::mood; end',
    'begin return x::public.text; end',
    'begin return x::/* */mood; end',
    'begin return cast(x as mood); end',
    'begin return cast (x as text); end',
    'declare y mood := x; begin return y; end',
    'declare y constant mood := x; begin return y; end',
    'declare y text; z public.mood; begin z := x; return z; end',
    'begin declare y mood; begin y := x; return y; end; end',
    'declare y customers.ssn%type; begin y := x; return y; end',
  ];
  for (const body of refused) it(`refuses ${body.slice(0, 50)}`, () => assert.equal(harmless(body), false));
});
