-- wrk: twenty of a hundred thousand, with filter, sort and total
local headers = { Authorization = "Bearer " .. os.getenv("BENCH_TOKEN") }
local statuses, at = { "open", "closed", "resolved", "in_progress" }, 0
request = function()
  at = at % #statuses + 1
  return wrk.format("GET", "/api/dynamic/tickets?per_page=20&sortBy=created_at&order=desc&f_status=" .. statuses[at], headers)
end
