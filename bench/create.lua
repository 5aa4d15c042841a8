-- wrk: durable creates
wrk.method = "POST"
wrk.path = "/api/dynamic/tickets"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN")
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"subject":"The printer is on fire","status":"open","priority":"high","body":"Smoke.","hours":1.25,"urgent":true}'
