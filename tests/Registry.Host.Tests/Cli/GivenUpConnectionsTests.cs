using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;
using Registry.Host.Cli;
using Registry.Host.Tests.EndToEnd;

namespace Registry.Host.Tests.Cli;

public sealed class GivenUpConnectionsTests
{
    [Fact]
    public async Task The_first_is_said_at_once_and_those_that_follow_in_sum()
    {
        var time = new FakeTimeProvider();
        var lines = new ConcurrentQueue<string>();
        var connections = new GivenUpConnections(lines.Enqueue, time);

        foreach (var _ in Enumerable.Range(0, 3))
            connections.Add("127.0.0.1:80", "no tube for 30 s");
        lines.ShouldBe(["127.0.0.1:80: a connection was given up: no tube for 30 s"]);
        time.Advance(GivenUpConnections.Pause);
        await Eventually.BecomesAsync("127.0.0.1:80: 2 more connections were given up: no tube for 30 s", () => lines.LastOrDefault(), "the sum");
    }
}
