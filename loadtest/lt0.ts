import { startTarget, loadPeople, bulkSql, valueSql } from '/work/main/loadtest/sampleData.ts';
import { startProxy } from '/work/main/loadtest/proxies.ts';
import { startDriver } from '/work/main/loadtest/driverProcess.ts';
import { cpuSeconds, memoryOf } from '/work/main/loadtest/processStats.ts';
import { Client } from 'pg';
const t0=performance.now();
const s = await startTarget(); console.log('pg', performance.now()-t0);
const d = startDriver();
try {
const e = await loadPeople(s, 500000); console.log('loaded', performance.now()-t0);
const pb = await startProxy('pgbouncer','/usr/sbin/pgbouncer', e);
const ha = await startProxy('haproxy','/usr/sbin/haproxy', e);
console.log(pb, ha);
const c = new Client({...e}); await c.connect();
console.log((await c.query(bulkSql+' where id in (1,50,100,150,200,499999)')).rows); await c.end();
const paths = {direct:e, pgbouncer:{...e,port:pb.port}, haproxy:{...e,port:ha.port}};
for (let i=0;i<2;i++) for (const [n,endpoint] of Object.entries(paths)) {
 console.log(n, await d.run({kind:'drain',endpoint,sql:bulkSql,times:2}), cpuSeconds(pb.pid), cpuSeconds(ha.pid), memoryOf(pb.pid));
}
for (const [n,endpoint] of Object.entries(paths)) {
 const o= await d.run({kind:'open',endpoint,sql:'select * from people where id = $1',keys:500000,clients:16,seconds:2,ratePerSecond:2000});
 console.log(n,o.rows,o.seconds,o.latencies);
 const q= await d.run({kind:'closed',endpoint,sql:'select * from people where id = $1',keys:500000,clients:16,seconds:2});
 console.log(n,q.rows/q.seconds,q.latencies?.p50,q.latencies?.p99);
}
for (const [n,endpoint] of Object.entries(paths)) {
 console.log(n, await d.run({kind:'hold',endpoint,connections:300})); await d.run({kind:'release'});
}
 console.log('value', await d.run({kind:'drain',endpoint:e,sql:valueSql,times:1}));
await pb.stop(); await ha.stop();
} finally { await d.stop(); await s.stop(); }
