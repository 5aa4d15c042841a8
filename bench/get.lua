-- wrk: GET one ticket, a different one each time; IDS and TOKEN come from the environment's files
local ids, at = {}, 0
for line in io.lines(os.getenv("BENCH_IDS")) do ids[#ids + 1] = line end
local headers = { Authorization = "Bearer " .. os.getenv("BENCH_TOKEN") }
request = function()
  at = at % #ids + 1
  return wrk.format("GET", "/api/dynamic/tickets/" .. ids[at], headers)
end
