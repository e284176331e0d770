using System.Globalization;

namespace Registry.Client;

/// <summary>
/// A gateway's HTTP interface as typed calls; safe for use by several threads at once. Every call ends with <see cref="GatewayRefusedException"/> when the gateway
/// refuses, and with <see cref="GatewayUnreachableException"/> when no gateway answers.
/// </summary>
public sealed partial class GatewayClient : IDisposable
{
    private readonly GatewayConnection connection;

    /// <summary>Connects when the first call is made.</summary>
    /// <param name="address">Where to, and the key.</param>
    /// <param name="handler">What sends requests, for a private certificate authority or a proxy; null for the usual. Disposed with the client.</param>
    public GatewayClient(GatewayAddress address, HttpMessageHandler? handler = null)
    {
        ArgumentNullException.ThrowIfNull(address);
        connection = new(address, handler);
    }

    /// <summary>The clock of the pauses between tries.</summary>
    internal TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The gateway's address.</summary>
    public Uri Gateway => connection.Gateway;

    /// <summary>Makes a tube, or opens one more channel on the one that the body names.</summary>
    public Task<TubeCreatedBody> CreateTubeAsync(CreateTubeBody body, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(body);
        return connection.SendAsync<TubeCreatedBody>(HttpMethod.Post, "v1/tubes", body, cancellationToken, TimeSpan.FromMilliseconds(Math.Max(body.MaxWaitMs ?? 0, body.TimeoutMs ?? 0)));
    }

    /// <summary>Finds a tube, also for a while after its end.</summary>
    public Task<TubeBody> ReadTubeAsync(string tubeId, CancellationToken cancellationToken = default) =>
        connection.SendAsync<TubeBody>(HttpMethod.Get, PathOf(tubeId), null, cancellationToken);

    /// <summary>A page of the live tubes of all nodes in the order of their ids.</summary>
    /// <param name="filter">Part of a tube's or conversation's id; null for all.</param>
    /// <param name="state">Only tubes in this state.</param>
    /// <param name="owner">Only tubes of this owner.</param>
    /// <param name="cursor">The <see cref="ListBody{T}.NextCursor"/> of the page before; null for the first.</param>
    /// <param name="limit">Most tubes on the page, 1 to 1000.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task<ListBody<TubeBody>> ReadTubesAsync(string? filter, string? state, string? owner, string? cursor, int limit = 1000, CancellationToken cancellationToken = default)
    {
        var query = string.Join('&', new[] { ("filter", filter), ("state", state), ("owner", owner), ("cursor", cursor), ("limit", limit.ToString(CultureInfo.InvariantCulture)) }
            .Where(pair => pair.Item2 is not null).Select(pair => $"{pair.Item1}={Uri.EscapeDataString(pair.Item2!)}"));
        return connection.SendAsync<ListBody<TubeBody>>(HttpMethod.Get, $"v1/tubes?{query}", null, cancellationToken);
    }

    /// <summary>All pages of the list, as one.</summary>
    /// <param name="filter">Part of a tube's or conversation's id; null for all.</param>
    /// <param name="state">Only tubes in this state.</param>
    /// <param name="owner">Only tubes of this owner.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<ListBody<TubeBody>> ListTubesAsync(string? filter = null, string? state = null, string? owner = null, CancellationToken cancellationToken = default)
    {
        var tubes = new List<TubeBody>();
        var incomplete = new SortedSet<string>(StringComparer.Ordinal);
        string? cursor = null;
        do
        {
            var page = await ReadTubesAsync(filter, state, owner, cursor, cancellationToken: cancellationToken).ConfigureAwait(false);
            tubes.AddRange(page.Items);
            incomplete.UnionWith(page.IncompleteNodes);
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return new(tubes) { IncompleteNodes = [.. incomplete] };
    }

    /// <summary>Closes a tube; one that has ended already is no error.</summary>
    /// <param name="tubeId">The tube.</param>
    /// <param name="reason"><c>Client</c> or <c>Normal</c>, of an operator also <c>AdminClosed</c> or <c>AIClosed</c>; null for an operator's <c>AdminClosed</c>, or <c>Client</c> of others.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task CloseTubeAsync(string tubeId, string? reason = null, CancellationToken cancellationToken = default) =>
        connection.SendAsync(HttpMethod.Delete, PathOf(tubeId) + QueryOf(reason), null, cancellationToken);

    /// <summary>Gives the tube candidates of its peer; an empty line means that there are no more.</summary>
    public Task AddCandidatesAsync(string tubeId, IReadOnlyList<string> candidates, CancellationToken cancellationToken = default) =>
        connection.SendAsync(HttpMethod.Post, PathOf(tubeId) + "/candidates", new CandidatesBody { Candidates = [.. candidates] }, cancellationToken);

    /// <summary>Restarts ICE with this offer.</summary>
    /// <returns>The answer.</returns>
    public Task<DescriptionBody> SendOfferAsync(string tubeId, string offer, CancellationToken cancellationToken = default) =>
        connection.SendAsync<DescriptionBody>(HttpMethod.Put, PathOf(tubeId) + "/remote-description", new RemoteDescriptionBody { Type = "offer", Sdp = offer }, cancellationToken);

    /// <summary>Gives the tube its peer's answer to the gateway's offer.</summary>
    public Task SendAnswerAsync(string tubeId, string answer, CancellationToken cancellationToken = default) =>
        connection.SendAsync(HttpMethod.Put, PathOf(tubeId) + "/remote-description", new RemoteDescriptionBody { Type = "answer", Sdp = answer }, cancellationToken);

    /// <summary>Restarts ICE from the gateway's side.</summary>
    /// <returns>The offer for the tube's peer.</returns>
    public Task<DescriptionBody> RestartIceAsync(string tubeId, CancellationToken cancellationToken = default) =>
        connection.SendAsync<DescriptionBody>(HttpMethod.Post, PathOf(tubeId) + "/ice-restart", null, cancellationToken);

    /// <summary>Makes a token for the signalling of this tube alone.</summary>
    /// <param name="tubeId">The tube.</param>
    /// <param name="lifetime">How long it holds, at most a day; null for 10 minutes.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task<TokenCreatedBody> CreateTokenAsync(string tubeId, TimeSpan? lifetime = null, CancellationToken cancellationToken = default) =>
        connection.SendAsync<TokenCreatedBody>(HttpMethod.Post, PathOf(tubeId) + "/tokens", new TokenBody { LifetimeMs = (long?)lifetime?.TotalMilliseconds }, cancellationToken);

    /// <summary>Puts a further conversation under a tube.</summary>
    public Task AssociateAsync(string tubeId, string conversationId, CancellationToken cancellationToken = default) =>
        connection.SendAsync(HttpMethod.Put, $"{PathOf(tubeId)}/conversations/{Uri.EscapeDataString(conversationId)}", null, cancellationToken);

    /// <summary>Finds the tube that carries a conversation.</summary>
    public Task<ConversationBody> FindConversationAsync(string conversationId, CancellationToken cancellationToken = default) =>
        connection.SendAsync<ConversationBody>(HttpMethod.Get, $"v1/conversations/{Uri.EscapeDataString(conversationId)}", null, cancellationToken);

    /// <summary>Closes a conversation's channel.</summary>
    /// <param name="conversationId">The conversation.</param>
    /// <param name="reason"><c>Client</c> or <c>Normal</c>, of an operator also <c>AdminClosed</c> or <c>AIClosed</c>; null for an operator's <c>AdminClosed</c>, or <c>Client</c> of others.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task CloseConversationAsync(string conversationId, string? reason = null, CancellationToken cancellationToken = default) =>
        connection.SendAsync(HttpMethod.Delete, $"v1/conversations/{Uri.EscapeDataString(conversationId)}" + QueryOf(reason), null, cancellationToken);

    /// <summary>The load of the node that is asked.</summary>
    public Task<CapacityBody> ReadCapacityAsync(CancellationToken cancellationToken = default) =>
        connection.SendAsync<CapacityBody>(HttpMethod.Get, "v1/capacity", null, cancellationToken);

    /// <summary>Changes limits of the node until it stops; what is null stays as it is.</summary>
    public Task<CapacityBody> ChangeLimitsAsync(LimitsBody limits, CancellationToken cancellationToken = default) =>
        connection.SendAsync<CapacityBody>(HttpMethod.Put, "v1/capacity/limits", limits, cancellationToken);

    /// <summary>The nodes of the cluster.</summary>
    public Task<ListBody<NodeBody>> ReadNodesAsync(CancellationToken cancellationToken = default) =>
        connection.SendAsync<ListBody<NodeBody>>(HttpMethod.Get, "v1/nodes", null, cancellationToken);

    /// <summary>The figures as Prometheus reads them.</summary>
    public Task<string> ReadMetricsAsync(CancellationToken cancellationToken = default) => connection.ReadTextAsync("metrics", cancellationToken);

    /// <summary>Takes the node out of service.</summary>
    /// <returns>Its load.</returns>
    public Task<CapacityBody> DrainAsync(DrainBody body, CancellationToken cancellationToken = default) =>
        connection.SendAsync<CapacityBody>(HttpMethod.Post, "v1/node/drain", body, cancellationToken);

    /// <summary>Puts the node back into service.</summary>
    /// <returns>Its load.</returns>
    public Task<CapacityBody> ResumeAsync(CancellationToken cancellationToken = default) =>
        connection.SendAsync<CapacityBody>(HttpMethod.Delete, "v1/node/drain", null, cancellationToken);

    /// <summary>Makes the node read its configuration, keys and certificate again.</summary>
    /// <returns>What changed.</returns>
    /// <exception cref="GatewayRefusedException">Something of it is wrong; nothing changed.</exception>
    public Task<ReloadedBody> ReloadAsync(CancellationToken cancellationToken = default) =>
        connection.SendAsync<ReloadedBody>(HttpMethod.Post, "v1/node/reload", null, cancellationToken);

    /// <summary>Makes a call that has no method here.</summary>
    /// <typeparam name="T">What it answers.</typeparam>
    /// <param name="method">The method.</param>
    /// <param name="path">Path and query, without a slash in front.</param>
    /// <param name="body">Sent as JSON; null for none.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task<T> CallAsync<T>(HttpMethod method, string path, object? body = null, CancellationToken cancellationToken = default) => connection.SendAsync<T>(method, path, body, cancellationToken);

    /// <summary>Ends what is under way.</summary>
    public void Dispose() => connection.Dispose();

    private static string PathOf(string tubeId) => $"v1/tubes/{Uri.EscapeDataString(tubeId)}";

    private static string QueryOf(string? reason) => reason is null ? "" : $"?reason={Uri.EscapeDataString(reason)}";
}
