// The page that `ticklake run --serve` shows: hands the server what the pipeline and the preview of
// the candles say, each on its own thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/commands.h"
#include "app/source_threads.h"
#include "engine/engine.h"
#include "serving/serving.h"

namespace ticklake::app {

class LivePage {
 public:
  // Binds and begins to serve. `world` is for the preview alone, used on its own thread. Invalid:
  // the configuration's candles do not fit the project. Unavailable: the address cannot be had.
  static Result<std::unique_ptr<LivePage>> open(Environment& environment,
                                                const serving::Address& address,
                                                const engine::Pipeline& pipeline,
                                                engine::World world);
  // Answers under way are finished.
  ~LivePage();
  LivePage(const LivePage&) = delete;
  LivePage& operator=(const LivePage&) = delete;

  std::string url() const { return server_->url(); }
  // Why there are no candles; "": there are.
  const std::string& no_candles() const { return no_candles_; }

  // True when it is time to show() again. Both are called by one thread.
  bool due() const;
  void show(const std::vector<SourceStatus>& sources, const std::vector<engine::FlowStatus>& flows);

 private:
  struct Counted {
    int64_t at_us, rows_in, rows_out;
  };

  LivePage(Environment& environment, std::string project, std::unique_ptr<serving::Server> server)
      : environment_(environment), project_(std::move(project)), server_(std::move(server)) {}

  void follow(const std::stop_token& over, const serving::CandleTable& table);
  serving::FlowState flow_state(const engine::FlowStatus& status);

  Environment& environment_;
  std::string project_;
  std::string no_candles_;
  std::unique_ptr<serving::Server> server_;
  std::unique_ptr<engine::Preview> preview_;
  int64_t started_us_ = 0;
  int64_t shown_us_ = 0;
  std::map<std::string, std::deque<Counted>> counted_;  // of the last seconds, for rates
  std::vector<std::jthread> threads_;                   // last: they use the others
};

}  // namespace ticklake::app
