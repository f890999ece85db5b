#include <gtest/gtest.h>

#include "broker/broker.h"

namespace ticklake::broker {
namespace {

struct Fake {
  std::vector<std::string> asked;
  std::map<std::string, io::HttpResponse> answers;  // by "GET /path"
  int failing = 0;                                  // so many requests get a 503 first
  std::string authorization;

  std::shared_ptr<SchemaRegistry> registry(RegistrySettings settings = {}) {
    settings.url = "http://registry.test/apis/ccompat/v7/";
    auto http = std::make_shared<io::MemoryHttp>(
        [this](const io::HttpRequest& request) -> Result<io::HttpResponse> {
          constexpr std::string_view kBase = "http://registry.test/apis/ccompat/v7";
          EXPECT_TRUE(request.url.starts_with(kBase)) << request.url;
          std::string what = request.method + " " + request.url.substr(kBase.size());
          asked.push_back(what);
          authorization.clear();
          for (const auto& [name, value] : request.headers) {
            if (name == "Authorization") authorization = value;
          }
          if (failing-- > 0) return io::HttpResponse{.status = 503, .body = "{}"};
          auto found = answers.find(what);
          if (found != answers.end()) return found->second;
          return io::HttpResponse{.status = 404, .body = R"({"error_code":40403,"message":"no"})"};
        });
    return *SchemaRegistry::make(settings, http);
  }
};

TEST(SchemaRegistry, AsksForASchemaOnce) {
  Fake fake;
  fake.answers["GET /schemas/ids/7"] = {.status = 200, .body = R"({"schema":"\"int\""})"};
  auto registry = fake.registry();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(registry->by_id(7)->text, "\"int\"");
  for (int i = 0; i < 3; ++i) {
    auto unknown = registry->by_id(8);
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, Code::NotFound);
    EXPECT_EQ(unknown.error().message, "the registry has no schema 8");
  }
  EXPECT_EQ(fake.asked.size(), 2u);
  for (int32_t id : {0, -5}) EXPECT_EQ(registry->by_id(id).error().code, Code::NotFound);
  EXPECT_EQ(fake.asked.size(), 2u) << "no registry has such ids";
}

TEST(SchemaRegistry, WhatIsMissingBehindAKnownSchemaIsWaitedFor) {
  Fake fake;
  fake.answers["GET /schemas/ids/7"] = {
      .status = 200,
      .body = R"({"schema":"A","references":[{"name":"B","subject":"b","version":2}]})"};
  auto registry = fake.registry();
  EXPECT_EQ(registry->by_id(7).error().code, Code::Unavailable);
  fake.answers["GET /subjects/b/versions/2"] = {.status = 200, .body = R"({"schema":"B"})"};
  EXPECT_TRUE(registry->by_id(7));
  // It has answered, so a page of what stands before it is no wrong address.
  fake.answers["GET /schemas/ids/8"] = {.status = 404, .body = "404 page not found"};
  EXPECT_EQ(registry->by_id(8).error().code, Code::Unavailable);
}

TEST(SchemaRegistry, TellsWhenASubjectHasMovedOn) {
  Fake fake;
  const std::string path = "GET /subjects/s/versions/latest";
  fake.answers[path] = {.status = 200, .body = R"({"version":1,"id":12,"schema":"A"})"};
  auto registry = fake.registry();
  EXPECT_EQ(registry->latest("s")->id, 12);
  EXPECT_FALSE(*registry->moved_on("s", 12));
  fake.answers[path] = {.status = 200, .body = R"({"version":2,"id":5,"schema":"B"})"};
  EXPECT_TRUE(*registry->moved_on("s", 12)) << "though its id is lower";
  EXPECT_EQ(registry->latest("s")->id, 12) << "a run keeps to one";
}

TEST(SchemaRegistry, TriesAgainWhereThatMayHelp) {
  Fake fake;
  fake.answers["GET /schemas/ids/7"] = {.status = 200, .body = R"({"schema":"\"int\""})"};
  fake.failing = 2;
  EXPECT_TRUE(fake.registry()->by_id(7));
  fake.failing = 100;
  auto failed = fake.registry()->by_id(7);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::Unavailable);
  EXPECT_EQ(fake.asked.size(), 6u);
  fake.failing = 0;
  EXPECT_TRUE(fake.registry()->by_id(7));
}

TEST(SchemaRegistry, NewestSchemaComesWithWhatItRefersTo) {
  Fake fake;
  fake.answers["GET /subjects/a%2Fb-value/versions/latest"] = {
      .status = 200,
      .body = R"({"subject":"a/b-value","version":3,"id":12,"schema":"A",)"
              R"("references":[{"name":"B","subject":"b","version":2}]})"};
  fake.answers["GET /subjects/b/versions/2"] = {
      .status = 200,
      .body = R"({"schema":"B","references":[{"name":"C","subject":"c","version":1}]})"};
  fake.answers["GET /subjects/c/versions/1"] = {.status = 200, .body = R"({"schema":"C"})"};
  auto registry = fake.registry();
  auto latest = registry->latest("a/b-value");
  ASSERT_TRUE(latest) << latest.error().message;
  EXPECT_EQ(latest->id, 12);
  EXPECT_EQ(latest->schema.text, "A");
  EXPECT_EQ(latest->schema.references, (std::vector<std::string>{"C", "B"}));
  EXPECT_TRUE(registry->by_id(12));
  EXPECT_EQ(fake.asked.size(), 3u);
}

TEST(SchemaRegistry, LogsInAndNeverShowsIt) {
  Fake fake;
  (void)fake.registry({.login = "key:secret"})->by_id(1);
  EXPECT_EQ(fake.authorization, "Basic a2V5OnNlY3JldA==");
  (void)fake.registry({.token = "abc"})->by_id(1);
  EXPECT_EQ(fake.authorization, "Bearer abc");
  fake.answers["GET /schemas/ids/7"] = {.status = 401, .body = "{}"};
  auto refused = fake.registry({.login = "key:secret"})->by_id(7);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Invalid);
  EXPECT_EQ(refused.error().message.find("secret"), std::string::npos);
  EXPECT_FALSE(SchemaRegistry::make({.url = "http://key:secret@host"}, nullptr));
  auto bare = SchemaRegistry::make({.url = "key:secret@host:8081"}, nullptr);
  EXPECT_EQ(bare.error().message.find("secret"), std::string::npos);
  EXPECT_FALSE(SchemaRegistry::make({.url = "host:8081"}, nullptr));
}

TEST(SchemaRegistry, SaysWhatToDoAboutARefusal) {
  Fake fake;
  const std::string path = "POST /subjects/s/versions";
  auto message = [&](int status, const char* body) {
    fake.answers[path] = {.status = status, .body = body};
    auto id = fake.registry()->add("s", {.text = "x"});
    EXPECT_FALSE(id);
    EXPECT_EQ(id.error().code, Code::Invalid);
    return id.error().message;
  };
  EXPECT_NE(message(409, R"({"error_code":409,"message":"READER_FIELD_MISSING"})")
                .find("incompatible with an earlier version"),
            std::string::npos);
  EXPECT_NE(message(422, R"({"error_code":42201,"message":"bad"})").find("it says: bad"),
            std::string::npos);
  EXPECT_NE(message(404, "<html>").find("no registry at this path"), std::string::npos);
  fake.answers[path] = {.status = 200, .body = R"({"id":5})"};
  EXPECT_EQ(*fake.registry()->add("s", {.text = "x"}), 5);
}

}  // namespace
}  // namespace ticklake::broker
