using System.CommandLine;
using System.Net;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Registry.Host.Api;

namespace Registry.Host.Cli;

/// <summary>Where a gateway is and what a client shows it.</summary>
/// <param name="Url">Base address of its HTTP interface.</param>
/// <param name="Key">The API key or token; null for a gateway that asks for none.</param>
internal sealed record GatewayAddress(Uri Url, string? Key = null)
{
    /// <summary>The address alone: a key is not for logs.</summary>
    public override string ToString() => Url.ToString();
}

/// <summary>A gateway's HTTP interface as typed calls. Every failure is a <see cref="CommandException"/> that names the gateway.</summary>
internal sealed partial class GatewayClient : IDisposable
{
    // A create answers within the gateway's own deadline of 15 s; a little more lets its error arrive.
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(5);

    private readonly HttpClient http;

    public GatewayClient(GatewayAddress address)
    {
        var (gateway, key) = address;
        Gateway = gateway;
        // A proxy of the environment is for other machines.
        http = new HttpClient(new SocketsHttpHandler { UseProxy = !gateway.IsLoopback, ConnectTimeout = TimeSpan.FromSeconds(5) })
        {
            BaseAddress = gateway,
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (key is not null)
            http.DefaultRequestHeaders.Authorization = new("Bearer", key);
    }

    /// <summary>The client for <c>--gateway</c> and <c>--key-file</c>.</summary>
    /// <exception cref="CommandException">One of them is of no use.</exception>
    public static GatewayClient Of(ParseResult result) => new(new GatewayAddress(ParseGateway(result.GetRequiredValue(SharedOptions.Gateway)), GatewayKey.Read(result)));

    public Uri Gateway { get; }

    /// <summary>Reads <c>--gateway</c>.</summary>
    /// <exception cref="CommandException">The text is not an http or https URL.</exception>
    public static Uri ParseGateway(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
            ? new Uri(url.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/")
            : throw CommandException.Usage($"--gateway '{text}' must be a URL such as http://127.0.0.1:8080.");

    public Task<TubeCreatedBody> CreateTubeAsync(CreateTubeBody body, CancellationToken cancellationToken) =>
        SendAsync<TubeCreatedBody>(HttpMethod.Post, "v1/tubes", body, cancellationToken);

    public Task AddCandidatesAsync(string tubeId, IReadOnlyList<string> candidates, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, $"v1/tubes/{Uri.EscapeDataString(tubeId)}/candidates", new CandidatesBody { Candidates = [.. candidates] }, cancellationToken);

    /// <summary>Restarts ICE with this offer.</summary>
    /// <returns>The answer.</returns>
    public Task<DescriptionBody> SendOfferAsync(string tubeId, string offer, CancellationToken cancellationToken) =>
        SendAsync<DescriptionBody>(HttpMethod.Put, RemoteDescriptionOf(tubeId), new RemoteDescriptionBody { Type = "offer", Sdp = offer }, cancellationToken);

    public Task SendAnswerAsync(string tubeId, string answer, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Put, RemoteDescriptionOf(tubeId), new RemoteDescriptionBody { Type = "answer", Sdp = answer }, cancellationToken);

    private static string RemoteDescriptionOf(string tubeId) => $"v1/tubes/{Uri.EscapeDataString(tubeId)}/remote-description";

    public Task CloseTubeAsync(string tubeId, string? reason, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Delete, $"v1/tubes/{Uri.EscapeDataString(tubeId)}{(reason is null ? "" : $"?reason={Uri.EscapeDataString(reason)}")}", null, cancellationToken);

    public Task<TubeBody> ReadTubeAsync(string tubeId, CancellationToken cancellationToken) =>
        SendAsync<TubeBody>(HttpMethod.Get, $"v1/tubes/{Uri.EscapeDataString(tubeId)}", null, cancellationToken);

    public Task<JsonElement> ReadCapacityAsync(CancellationToken cancellationToken) =>
        SendAsync<JsonElement>(HttpMethod.Get, "v1/capacity", null, cancellationToken);

    public Task<JsonElement> DrainAsync(DrainBody body, CancellationToken cancellationToken) =>
        SendAsync<JsonElement>(HttpMethod.Post, "v1/node/drain", body, cancellationToken);

    public Task<JsonElement> ResumeAsync(CancellationToken cancellationToken) =>
        SendAsync<JsonElement>(HttpMethod.Delete, "v1/node/drain", null, cancellationToken);

    /// <summary>All pages of the list, as one.</summary>
    public async Task<ListBody<TubeBody>> ListTubesAsync(string? filter, string? state, string? owner, CancellationToken cancellationToken)
    {
        var tubes = new List<TubeBody>();
        var incomplete = new SortedSet<string>(StringComparer.Ordinal);
        string? cursor = null;
        do
        {
            var query = string.Join('&', new[] { ("filter", filter), ("state", state), ("owner", owner), ("cursor", cursor), ("limit", "1000") }
                .Where(pair => pair.Item2 is not null).Select(pair => $"{pair.Item1}={Uri.EscapeDataString(pair.Item2!)}"));
            var page = await SendAsync<ListBody<TubeBody>>(HttpMethod.Get, $"v1/tubes?{query}", null, cancellationToken);
            tubes.AddRange(page.Items);
            incomplete.UnionWith(page.IncompleteNodes);
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return new(tubes) { IncompleteNodes = [.. incomplete] };
    }

    /// <summary>The tube's signals from the first, across interruptions of the stream; ends after <c>tube_closed</c>.</summary>
    public IAsyncEnumerable<SignalBody> ReadSignalsAsync(string tubeId, CancellationToken cancellationToken) => ReadSignalsAsync([this], tubeId, cancellationToken);

    /// <summary>
    /// The same from whichever gateway answers: nodes of one cluster know each other's tubes. When the first, which made the tube, does not know it, they end with
    /// <see cref="GatewayRefusedException"/>; while none can be reached they are asked again until the token ends it.
    /// </summary>
    public static async IAsyncEnumerable<SignalBody> ReadSignalsAsync(IReadOnlyList<GatewayClient> gateways, string tubeId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long last = 0;
        var retry = FirstRetry;
        for (var turn = 0; ; turn = (turn + 1) % gateways.Count)
        {
            await using var stream = new SignalStream(gateways[turn], tubeId, last, isSure: turn == 0);
            while (await stream.ReadAsync(cancellationToken) is { } signal)
            {
                last = signal.Sequence;
                retry = FirstRetry;
                yield return signal;
                if (signal.Kind == "tube_closed")
                    yield break;
            }
            await Task.Delay(retry, cancellationToken);
            retry = TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, LastRetry.Ticks));
        }
    }

    public void Dispose() => http.Dispose();

    private async Task<T> SendAsync<T>(HttpMethod method, string path, object? body, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(method, path, body, HttpCompletionOption.ResponseContentRead, cancellationToken);
        try
        {
            return await response.Content.ReadFromJsonAsync<T>(ApiJson.Tolerant, cancellationToken) ?? throw NotAGateway();
        }
        catch (JsonException)
        {
            throw NotAGateway();
        }
    }

    private async Task SendAsync(HttpMethod method, string path, object? body, CancellationToken cancellationToken) =>
        (await SendAsync(method, path, body, HttpCompletionOption.ResponseContentRead, cancellationToken)).Dispose();

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body, HttpCompletionOption completion, CancellationToken cancellationToken, long lastEventId = 0)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
            request.Content = JsonContent.Create(body, body.GetType(), options: ApiJson.Options);
        if (lastEventId > 0)
            request.Headers.Add("Last-Event-ID", lastEventId.ToString(System.Globalization.CultureInfo.InvariantCulture));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(RequestTimeout);
        try
        {
            var response = await http.SendAsync(request, completion, limit.Token);
            if (response.IsSuccessStatusCode)
                return response;
            using (response)
                throw await ReadRefusalAsync(response, limit.Token);
        }
        catch (HttpRequestException e)
        {
            throw Unreachable(e.InnerException?.Message ?? e.Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw Unreachable($"no answer within {RequestTimeout.TotalSeconds} s");
        }
    }

    private async Task<CommandException> ReadRefusalAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.Content.Headers.ContentType?.MediaType != Problem.ContentType)
            return NotAGateway($" (HTTP {(int)response.StatusCode})");
        try
        {
            var problem = await response.Content.ReadFromJsonAsync<Problem>(ApiJson.Tolerant, cancellationToken);
            return problem is null
                ? NotAGateway()
                : new GatewayRefusedException(problem.Code, problem.Retryable, $"The gateway {Gateway} refused: {problem.Detail} ({problem.Code})");
        }
        catch (JsonException)
        {
            return NotAGateway();
        }
    }

    private CommandException Unreachable(string why) => new(ExitCode.GatewayUnreachable,
        $"--gateway {Gateway}: no gateway answers there: {why}. Start one with 'registry serve', or give the address of one that runs.");

    private CommandException NotAGateway(string detail = "") => new(ExitCode.GatewayUnreachable,
        $"--gateway {Gateway}: what answers there is not a tube gateway{detail}. Check the address.");

    /// <summary>One connection to the signals; its end and its loss look the same: no further signal.</summary>
    /// <param name="client">Where to.</param>
    /// <param name="tubeId">The tube.</param>
    /// <param name="lastEventId">The last signal that was read.</param>
    /// <param name="isSure">Whether a gateway that does not know the tube is believed.</param>
    private sealed class SignalStream(GatewayClient client, string tubeId, long lastEventId, bool isSure) : IAsyncDisposable
    {
        private HttpResponseMessage? response;
        private IAsyncEnumerator<SseItem<string>>? events;

        public async ValueTask<SignalBody?> ReadAsync(CancellationToken cancellationToken)
        {
            try
            {
                events ??= await OpenAsync(cancellationToken);
                return await events.MoveNextAsync()
                    ? JsonSerializer.Deserialize<SignalBody>(events.Current.Data, ApiJson.Tolerant)
                    : null;
            }
            catch (CommandException e) when (!isSure || e is not GatewayRefusedException { Retryable: false })
            {
                return null;
            }
            catch (Exception e) when (e is IOException or HttpRequestException or JsonException)
            {
                return null;
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (events is not null)
                await events.DisposeAsync();
            response?.Dispose();
        }

        private async Task<IAsyncEnumerator<SseItem<string>>> OpenAsync(CancellationToken cancellationToken)
        {
            response = await client.SendAsync(HttpMethod.Get, $"v1/tubes/{Uri.EscapeDataString(tubeId)}/signals", null, HttpCompletionOption.ResponseHeadersRead, cancellationToken, lastEventId);
            var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
            return SseParser.Create(stream).EnumerateAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        }
    }
}
