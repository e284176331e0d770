using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Registry.Cluster.Tests.Scenarios;

/// <summary>A tube, as the answer to its create names it.</summary>
internal sealed record MadeTube(string TubeId, string ConversationId, string Node);

/// <summary>An answer of a gateway.</summary>
internal readonly record struct Answer(HttpStatusCode Status, JsonElement Body)
{
    /// <summary>The code of an error; null when it is none.</summary>
    public string? Code => this["code"];

    /// <summary>A text of the body; null when it has none of that name.</summary>
    public string? this[string name] => Body.ValueKind == JsonValueKind.Object && Body.TryGetProperty(name, out var value) ? value.GetString() : null;

    public bool IsRetryable => Body.TryGetProperty("retryable", out var retryable) && retryable.GetBoolean();

    public override string ToString() => $"{(int)Status} {Body}";
}

/// <summary>Calls of a gateway's HTTP interface.</summary>
internal static class GatewayApi
{
    private const int AtOnce = 16;

    /// <summary>For tubes that wait for their peer as long as the test takes.</summary>
    public static string[] PatientTubes => ["--set", "registry.tube.connecting-timeout=30m", "--set", "registry.tube.closed-kept=10000"];

    extension(ClusterProcess node)
    {
        public async Task<Answer> SendAsync(HttpMethod method, string path, object? body = null)
        {
            using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
            using var response = await node.Http.SendAsync(request).WaitAsync(ClusterProcess.Patience);
            var text = await response.Content.ReadAsStringAsync();
            return new(response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement);
        }

        public Task<Answer> GetAsync(string path) => node.SendAsync(HttpMethod.Get, path);

        /// <summary>Asks for a tube for an echo conversation, with an offer of the gateway's.</summary>
        public Task<Answer> TryCreateAsync(string conversationId, string? owner = null) =>
            node.SendAsync(HttpMethod.Post, "/v1/tubes", new { conversationId, settings = new { conversationType = "echo" }, owner });

        /// <summary>Makes a tube for an echo conversation, whose offer nobody answers.</summary>
        public async Task<MadeTube> CreateAsync(string conversationId, string? owner = null)
        {
            var answer = await node.TryCreateAsync(conversationId, owner);
            answer.Status.ShouldBe(HttpStatusCode.Created, $"{conversationId} at {node.Name}: {answer}{(answer.Status == HttpStatusCode.InternalServerError ? $" {node.Errors}" : "")}");
            return new(answer["tubeId"]!, conversationId, answer["node"]!);
        }

        /// <summary>Creates as a client does that repeats what may be repeated; it counts how often it was refused.</summary>
        public async Task<(MadeTube Tube, int Refusals)> CreateRepeatedlyAsync(string conversationId)
        {
            var waited = Stopwatch.StartNew();
            for (var refusals = 0; ; refusals++)
            {
                var answer = await node.TryCreateAsync(conversationId);
                if (answer.Status == HttpStatusCode.Created)
                    return (new(answer["tubeId"]!, conversationId, answer["node"]!), refusals);
                answer.IsRetryable.ShouldBeTrue($"{conversationId} at {node.Name}: {answer}");
                waited.Elapsed.ShouldBeLessThan(ClusterProcess.Patience, $"{conversationId} at {node.Name}: {answer}");
                await Task.Delay(50);
            }
        }

        public async Task CloseAsync(string tubeId) =>
            (await node.SendAsync(HttpMethod.Delete, $"/v1/tubes/{tubeId}?reason=Client")).Status.ShouldBe(HttpStatusCode.NoContent);

        /// <summary>All pages of the list of the whole cluster, as this node reads it.</summary>
        /// <param name="query">Such as <c>owner=a&amp;</c>.</param>
        public async Task<List<ListedTube>> ListAsync(string query = "", int limit = 1000)
        {
            var tubes = new List<ListedTube>();
            for (string? cursor = ""; cursor is not null;)
            {
                var page = await node.ReadPageAsync(query, limit, cursor);
                tubes.AddRange(page.Items);
                cursor = page.NextCursor;
            }

            return tubes;
        }

        /// <summary>One page of the list, all nodes having answered.</summary>
        public async Task<ListedPage> ReadPageAsync(string query, int limit, string cursor)
        {
            var page = await node.ReadPageOfThoseThatAnswerAsync(query, limit, cursor);
            page.IncompleteNodes.ShouldBeEmpty();
            return page;
        }

        /// <summary>One page of the list, which names the nodes that did not answer.</summary>
        public async Task<ListedPage> ReadPageOfThoseThatAnswerAsync(string query, int limit, string cursor)
        {
            var answer = await node.GetAsync($"/v1/tubes?{query}limit={limit}{(cursor.Length == 0 ? "" : $"&cursor={cursor}")}");
            answer.Status.ShouldBe(HttpStatusCode.OK, answer.ToString());
            return answer.Body.Deserialize<ListedPage>(JsonSerializerOptions.Web)!;
        }

        /// <summary>The nodes that this one knows, each with its state and how many tubes it replaced.</summary>
        public async Task<NodeOfList[]> NodesAsync()
        {
            try
            {
                return (await node.GetAsync("/v1/nodes")).Body.GetProperty("items").Deserialize<NodeOfList[]>(JsonSerializerOptions.Web)!;
            }
            catch (HttpRequestException e)
            {
                throw new InvalidOperationException($"{node.Name} does not answer. It said: {node.Errors}", e);
            }
        }

        /// <summary>Waits until this node knows just these as up, each with its load.</summary>
        public async Task KnowsAsync(params IEnumerable<ClusterProcess> nodes)
        {
            var names = nodes.Select(n => n.Name).Order(StringComparer.Ordinal).ToArray();
            await Eventually.HoldsAsync(
                async () => (await node.NodesAsync()).Where(n => n is { State: "up", Load: not null }).Select(n => n.Node).Order(StringComparer.Ordinal).SequenceEqual(names),
                $"{node.Name} knows {string.Join(", ", names)}");
        }

        /// <summary>The value of a gauge or counter of <c>/metrics</c>, all its series added up.</summary>
        public async Task<double> MetricAsync(string name) =>
            (await node.Http.GetStringAsync("/metrics")).Split('\n')
                .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line[name.Length] is ' ' or '{')
                .Sum(line => double.Parse(line.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>Waits until every node that runs knows all of them and their load.</summary>
    public static Task KnowEachOtherAsync(this GatewayCluster cluster)
    {
        var nodes = cluster.Running;
        return Task.WhenAll(nodes.Select(node => node.KnowsAsync(nodes)));
    }

    /// <summary>Makes tubes for echo conversations, several at once, each asked of the next node.</summary>
    public static async Task<MadeTube[]> CreateAllAsync(IReadOnlyList<ClusterProcess> asked, IEnumerable<string> conversationIds, string? owner = null)
    {
        var made = new ConcurrentBag<MadeTube>();
        await Parallel.ForEachAsync(conversationIds.Index(), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (next, _) =>
            made.Add(await asked[next.Index % asked.Count].CreateAsync(next.Item, owner)));
        return [.. made];
    }

    /// <summary>Makes tubes again for conversations whose node is gone, all at once, asked of these nodes in turn.</summary>
    /// <returns>The tubes, and how many creates were refused first.</returns>
    public static async Task<(MadeTube[] Tubes, int Refusals)> CreateAgainAsync(IReadOnlyList<ClusterProcess> asked, IEnumerable<MadeTube> lost)
    {
        var made = await Task.WhenAll(lost.Select((tube, index) => asked[index % asked.Count].CreateRepeatedlyAsync(tube.ConversationId)));
        return ([.. made.Select(m => m.Tube)], made.Sum(m => m.Refusals));
    }

    /// <summary>Closes tubes, several at once.</summary>
    public static Task CloseAllAsync(ClusterProcess asked, IEnumerable<MadeTube> tubes) =>
        Parallel.ForEachAsync(tubes, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (tube, _) => await asked.CloseAsync(tube.TubeId));

    /// <summary>How long something takes.</summary>
    public static async Task<(T Result, TimeSpan Time)> TimedAsync<T>(Func<Task<T>> work)
    {
        var started = Stopwatch.GetTimestamp();
        var result = await work();
        return (result, Stopwatch.GetElapsedTime(started));
    }
}

/// <summary>A page of <c>GET /v1/tubes</c>.</summary>
internal sealed record ListedPage(ListedTube[] Items, string? NextCursor, string[] IncompleteNodes);

/// <summary>A tube of <c>GET /v1/tubes</c>.</summary>
internal sealed record ListedTube(string TubeId, string Node, string State, string? Owner, ListedConversation[] Conversations);

/// <summary>A conversation of a tube.</summary>
internal sealed record ListedConversation(string ConversationId);

/// <summary>A node of <c>GET /v1/nodes</c>.</summary>
internal sealed record NodeOfList(string Node, string State, int? Load, long SupersededTubes);
