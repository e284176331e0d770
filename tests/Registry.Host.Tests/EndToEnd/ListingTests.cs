using System.Net;
using System.Text.Json;

namespace Registry.Host.Tests.EndToEnd;

/// <summary>Tubes and conversations as they are found over HTTP, on the real registry.</summary>
public sealed class ListingTests : IAsyncLifetime
{
    private RealGateway gateway = null!;

    public async Task InitializeAsync() => gateway = await RealGateway.WithAsync("registry.tube { connecting-timeout = 10m, max-channels = 4 }");

    public async Task DisposeAsync() => await gateway.DisposeAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public async Task Pages_hold_every_tube_that_stays_once_and_in_order_while_others_come_and_go(int limit)
    {
        const int count = 30;
        foreach (var number in Enumerable.Range(0, count).Reverse())
            await gateway.CreateTubeAsync($"stays-{number}", tubeId: $"m-{number:00}");
        await gateway.CreateTubeAsync("goes", tubeId: "m-00-goes");

        var seen = new List<string>();
        string? cursor = null;
        for (var page = 0; page == 0 || cursor is not null; page++)
        {
            var (_, body) = await gateway.SendAsync(HttpMethod.Get, $"/v1/tubes?limit={limit}{(cursor is null ? "" : $"&cursor={cursor}")}");
            var ids = Ids(body);
            ids.Length.ShouldBeLessThanOrEqualTo(limit);
            seen.AddRange(ids);
            cursor = body.TryGetProperty("nextCursor", out var next) ? next.GetString() : null;
            cursor.ShouldBe(cursor is null ? null : ids[^1]);
            // Before and behind the cursor; the tube that the cursor names goes too when it is not one of those that stay.
            await gateway.CreateTubeAsync($"before-{page}", tubeId: $"a-{page}");
            await gateway.CreateTubeAsync($"behind-{page}", tubeId: $"{ids[^1]}-{page}");
            await gateway.CloseTubeAsync($"a-{page}");
            if (page == 0)
                await gateway.CloseTubeAsync("m-00-goes");
            if (page % 2 == 1)
                await gateway.CloseTubeAsync($"{ids[^1]}-{page}");
            page.ShouldBeLessThan(10 * count);
        }

        seen.ShouldBe(seen.Order(StringComparer.Ordinal));
        seen.ShouldBeUnique();
        seen.Where(id => id.Length == 4).ShouldBe(Enumerable.Range(0, count).Select(number => $"m-{number:00}"));
    }

    [Fact]
    public async Task The_list_is_narrowed_by_owner_state_and_part_of_an_id()
    {
        await gateway.CreateTubeAsync("alpha", owner: "o", tubeId: "t1");
        await gateway.CreateTubeAsync("beta", owner: "o", tubeId: "t2");
        await gateway.CreateTubeAsync("gamma", tubeId: "t3");

        (await ListAsync("")).ShouldBe(["t1", "t2", "t3"]);
        (await ListAsync("owner=o")).ShouldBe(["t1", "t2"]);
        (await ListAsync("owner=O")).ShouldBeEmpty();
        (await ListAsync("filter=ALPHA")).ShouldBe(["t1"]);
        (await ListAsync("filter=t&owner=o&limit=1")).ShouldBe(["t1"]);
        (await ListAsync("state=connecting")).ShouldBe(["t1", "t2", "t3"]);
        (await ListAsync("state=ready")).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("further")]
    [InlineData("a/b/c")]
    [InlineData("50 %2F ä")]
    public async Task An_associated_conversation_is_found_under_its_tube_until_it_is_closed(string conversation)
    {
        var tube = await gateway.CreateTubeAsync("first");
        var byName = $"/v1/conversations/{Uri.EscapeDataString(conversation)}";
        var underTube = $"/v1/tubes/{tube}/conversations/{Uri.EscapeDataString(conversation)}";

        (await gateway.SendAsync(HttpMethod.Put, underTube)).Status.ShouldBe(HttpStatusCode.NoContent);
        (await gateway.SendAsync(HttpMethod.Put, underTube)).Status.ShouldBe(HttpStatusCode.NoContent);
        var (status, found) = await gateway.SendAsync(HttpMethod.Get, byName);
        status.ShouldBe(HttpStatusCode.OK);
        found.GetProperty("conversationId").GetString().ShouldBe(conversation);
        found.GetProperty("tubeId").GetString().ShouldBe(tube);

        (await gateway.SendAsync(HttpMethod.Delete, byName)).Status.ShouldBe(HttpStatusCode.NoContent);
        (await gateway.SendAsync(HttpMethod.Delete, byName)).Status.ShouldBe(HttpStatusCode.NoContent);
        var (never, problem) = await gateway.SendAsync(HttpMethod.Delete, "/v1/conversations/never-was");
        never.ShouldBe(HttpStatusCode.NotFound);
        problem.GetProperty("code").GetString().ShouldBe("conversation_not_found");
        (await gateway.SendAsync(HttpMethod.Get, $"/v1/tubes/{tube}")).Body.GetProperty("conversations").GetArrayLength().ShouldBe(1);
    }

    [Fact]
    public async Task A_conversation_cannot_be_associated_when_it_is_taken_its_tube_is_unknown_or_the_tube_has_enough()
    {
        var holder = await gateway.CreateTubeAsync("taken");
        var tube = await gateway.CreateTubeAsync("first");

        var (status, problem) = await gateway.SendAsync(HttpMethod.Put, $"/v1/tubes/{tube}/conversations/taken");
        status.ShouldBe(HttpStatusCode.Conflict);
        problem.GetProperty("code").GetString().ShouldBe("conversation_exists");
        problem.GetProperty("tubeId").GetString().ShouldBe(holder);

        (status, problem) = await gateway.SendAsync(HttpMethod.Put, "/v1/tubes/nobody/conversations/c");
        status.ShouldBe(HttpStatusCode.NotFound);
        problem.GetProperty("code").GetString().ShouldBe("tube_not_found");

        foreach (var number in Enumerable.Range(2, 3))
            (await gateway.SendAsync(HttpMethod.Put, $"/v1/tubes/{tube}/conversations/c{number}")).Status.ShouldBe(HttpStatusCode.NoContent);
        (status, problem) = await gateway.SendAsync(HttpMethod.Put, $"/v1/tubes/{tube}/conversations/c5");
        status.ShouldBe(HttpStatusCode.TooManyRequests);
        problem.GetProperty("code").GetString().ShouldBe("channel_limit");
        problem.GetProperty("limit").GetInt32().ShouldBe(4);
    }

    private async Task<string[]> ListAsync(string query) => Ids((await gateway.SendAsync(HttpMethod.Get, $"/v1/tubes?{query}")).Body);

    private static string[] Ids(JsonElement list) => [.. list.GetProperty("items").EnumerateArray().Select(tube => tube.GetProperty("tubeId").GetString()!)];
}
