using System.Net;
using System.Text.Json;
using Akka.Configuration;
using Registry.Actors;
using Registry.Host.Api;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary>
/// One tube of a forward, from its creation to its end: the offering half is in this process, the answering one at the gateway, and candidates go both ways.
/// Disposing closes it on both sides.
/// </summary>
internal sealed class ForwardTube : IAsyncDisposable
{
    private static readonly string TubeNotFound = RefusalCode.TubeNotFound.Text;
    private static readonly TimeSpan PathPatience = RegistrySettings.From(Config.Empty).DisconnectedTimeout;
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(5);

    private readonly ITubeRegistry registry;
    private readonly IReadOnlyList<GatewayClient> gateways; // the one that made it first
    private readonly TubeCreated local;
    private readonly TubeCreatedBody remote;
    private readonly Action<string> warn;
    private readonly Action<string> tell;
    private readonly CancellationTokenSource stop = new();
    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource draining = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<ForwardEnd> lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SilentPath silent;
    private readonly SilentGateway silentGateway;
    private readonly Task<ForwardEnd>[] following;
    private volatile bool hasEndedThere;
    private volatile bool isLeft;
    private bool candidateRefused; // touched by who follows the gateway only

    private ForwardTube(ITubeRegistry registry, IReadOnlyList<GatewayClient> gateways, TubeCreated local, TubeCreatedBody remote, Action<string> warn, Action<string> tell)
    {
        this.registry = registry;
        this.gateways = gateways;
        this.local = local;
        this.remote = remote;
        this.warn = warn;
        this.tell = tell;
        silentGateway = new(Maker, TellOfCurrent, TimeProvider.System);
        silent = new(gateways, remote, why => lost.TrySetResult(EndThere(why)), stop.Token);
        following = [FollowLocalAsync(stop.Token), FollowRemoteAsync(stop.Token)];
        Ended = Task.WhenAny([.. following, lost.Task]).Unwrap();
    }

    /// <summary>The gateway's half, whose id is the tube's for people: the one in this process is known to nobody else.</summary>
    public TubeCreatedBody Remote => remote;

    /// <summary>The gateway that was asked.</summary>
    public Uri Gateway => Maker.Gateway;

    /// <summary>Types of the candidates that carry the data.</summary>
    public string Path => registry.Directory.TryGet(local.TubeId, out var tube) ? tube.SelectedPair ?? "?" : "?";

    /// <summary>Why it ended; fails with <see cref="GatewayException"/> when the gateway could not be told something the tube needs.</summary>
    public Task<ForwardEnd> Ended { get; }

    /// <summary>When this process gives the tube up if nothing comes over its path; null while something does.</summary>
    public DateTimeOffset? HeldUntil => registry.Directory.TryGet(local.TubeId, out var tube) && tube is { State: TubeState.Disconnected, History: [.., var last] } ? last.At + PathPatience : null;

    /// <summary>Whether it is known that the gateway has the tube no more.</summary>
    public bool HasEndedThere => hasEndedThere;

    /// <summary>Ends when the gateway's node goes out of service and the forward should move to another tube.</summary>
    public Task Draining => draining.Task;

    /// <summary>Ends when nothing comes over the path and its gateway does not answer either: the tube may be lost, or come back.</summary>
    public Task<UnansweredPath> Unanswered => silent.Unanswered;

    /// <summary>Makes a tube and waits until it can carry traffic.</summary>
    /// <param name="registry">The registry in this process.</param>
    /// <param name="gateways">The gateway that is asked first; then others that may know of the tube, for its signals.</param>
    /// <param name="target">What to reach.</param>
    /// <param name="listen">Where its clients connect.</param>
    /// <param name="warn">Told what does not go as it should, also again and again.</param>
    /// <param name="tell">Told when the gateway falls silent and when it answers again.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="CommandException">It could not be made or cannot carry traffic.</exception>
    /// <exception cref="GatewayException">The gateway does not answer or refuses.</exception>
    public static async Task<ForwardTube> OpenAsync(ITubeRegistry registry, IReadOnlyList<GatewayClient> gateways, ForwardedPort target, IPEndPoint listen, Action<string> warn, Action<string> tell, CancellationToken cancellationToken)
    {
        var local = await CreateLocalAsync(registry, target.LocalSettings(listen), cancellationToken);
        ForwardTube? tube = null;
        try
        {
            var remote = await CreateRemoteAsync(gateways[0], local, target, listen, cancellationToken);
            tube = new(registry, gateways, local, remote, warn, tell);
            if (remote.Answer is not { } answer)
                throw new CommandException(ExitCode.Failed, $"The gateway {tube.Gateway} sent no answer.");
            if (await registry.SetRemoteDescriptionAsync(new(local.TubeId, DescriptionType.Answer, answer), cancellationToken) is Refused refused)
                throw new CommandException(ExitCode.Failed, $"The gateway's answer does not fit: {refused.Message}");
            if (await Task.WhenAny(tube.Ended, tube.ready.Task).WaitAsync(cancellationToken) == tube.Ended)
                throw new CommandException(ExitCode.Failed, $"The tube to {tube.Gateway} could not carry traffic: {(await tube.Ended).Text} Check that UDP passes between this machine and the gateway.");
            return tube;
        }
        catch
        {
            if (tube is not null)
                await tube.DisposeAsync();
            else
                await CloseLocalAsync(registry, local.TubeId, warn);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        var hasEnded = Ended.IsCompleted;
        await stop.CancelAsync();
        foreach (var task in following)
            await ((Task)task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await silent.Completion;
        if (!hasEndedThere)
            await CloseRemoteAsync(hasEnded);
        await CloseLocalAsync(registry, local.TubeId, warn);
        stop.Dispose();
    }

    private static async Task<TubeCreated> CreateLocalAsync(ITubeRegistry registry, ConversationSettings settings, CancellationToken cancellationToken)
    {
        var conversation = new ConversationId($"forward-{Guid.NewGuid():N}");
        var reply = await registry.CreateAsync(new(conversation, settings), cancellationToken);
        return reply is TubeCreated { Offer: not null } created
            ? created
            : throw new CommandException(ExitCode.Failed, $"The tube could not be made in this process: {(reply as Refused)?.Message ?? reply.ToString()}");
    }

    private static async Task<TubeCreatedBody> CreateRemoteAsync(GatewayClient gateway, TubeCreated local, ForwardedPort target, IPEndPoint listen, CancellationToken cancellationToken)
    {
        try
        {
            return await gateway.CreateTubeAsync(new()
            {
                ConversationId = local.ConversationId.ToString(),
                Offer = local.Offer,
                Settings = target.GatewaySettings(listen),
            }, cancellationToken);
        }
        catch (GatewayRefusedException e) when (target.IsAtGateway && e.Code == RefusalCode.InvalidSettings.Text && e.Problem.Field == "local_listen_addr")
        {
            throw new CommandException(ExitCode.Refused, $"{target.Option}: the gateway {gateway.Gateway} does not listen on {listen} for tubes. "
                + $"Set registry.channels.listen = {(IPAddress.IsLoopback(listen.Address) ? "loopback" : "any")} on it, and start it again.");
        }
    }

    private GatewayClient Maker => gateways[0];

    /// <summary>Another tube has taken its place: how this one's gateway is does not matter to clients any more.</summary>
    public void Leave() => isLeft = true;

    private void TellOfCurrent(string what)
    {
        if (!isLeft)
            tell(what);
    }

    // This process closes a tube only when it no longer asks why it ended, so that another client did what is told here as a client's doing.
    private static string WhyClosed(CloseReason reason, string? text)
    {
        if (string.IsNullOrEmpty(text))
            text = reason.Message;
        return reason is CloseReason.Client or CloseReason.Normal && text.StartsWith(reason.Message.TrimEnd('.'), StringComparison.Ordinal)
            ? $"Somebody else closed it at the gateway, with the reason {reason.Name}."
            : text;
    }

    private ForwardEnd EndWithout() => EndThere($"The gateway {Gateway} no longer has the tube.");

    private ForwardEnd EndThere(CloseReason reason, string? text) => EndThere(WhyClosed(reason, text), reason == CloseReason.IdleTimeout);

    private ForwardEnd EndThere(string text, bool isIdle = false)
    {
        hasEndedThere = true;
        return new(text, InOrder: false) { IsIdle = isIdle };
    }

    private async Task<ForwardEnd> FollowLocalAsync(CancellationToken cancellationToken)
    {
        await foreach (var signal in registry.Signals(local.TubeId, 0, cancellationToken))
        {
            switch (signal)
            {
                case IceCandidateFound found:
                    await SendCandidateAsync(found.Candidate, cancellationToken);
                    break;
                case IceRestartOffered restart:
                    await RestartAsync(restart.Offer, cancellationToken);
                    break;
                case ConnectionStateChanged { State: TubeState.Disconnected }:
                    silent.Begin();
                    break;
                case ConnectionStateChanged { State: TubeState.Failed or TubeState.Closing or TubeState.Closed }:
                    break; // The path is not back: the end follows, and says why.
                case ConnectionStateChanged { State: var state }:
                    silent.End();
                    if (state == TubeState.Ready)
                        ready.TrySetResult();
                    break;
                case ChannelClosed { Reason: CloseReason.Normal } closed:
                    return new("Its channel was closed at the gateway.", InOrder: true);
                case TubeClosed closed:
                    return new(WhyClosed(closed.Reason, closed.Text), InOrder: false) { IsIdle = closed.Reason == CloseReason.IdleTimeout };
            }
        }
        throw new CommandException(ExitCode.Failed, $"The tube {remote.TubeId} is gone.");
    }

    // One that comes when the tube carries traffic already can only make its path better; when the path is silent, that is told.
    private async Task SendCandidateAsync(string candidate, CancellationToken cancellationToken)
    {
        try
        {
            await Maker.AddCandidatesAsync(remote.TubeId, [candidate], cancellationToken);
        }
        catch (GatewayRefusedException e) when (e.Code == TubeNotFound)
        {
            // It ended: its signals say so, and another one can be made. No reason to give the forward up.
        }
        catch (GatewayException e) when (ready.Task.IsCompleted)
        {
            if (!e.IsSilence)
                warn($"A candidate did not reach the gateway: {e.Message}");
        }
    }

    // Without an answer the tube goes on as it is, and restarts again later.
    private async Task RestartAsync(string offer, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await Maker.SendOfferAsync(remote.TubeId, offer, cancellationToken);
            if (await registry.SetRemoteDescriptionAsync(new(local.TubeId, DescriptionType.Answer, answer.Sdp), cancellationToken) is Refused refused)
                warn($"The gateway's answer to the restart of the path does not fit: {refused.Message}");
        }
        catch (GatewayRefusedException e) when (e.Code == TubeNotFound)
        {
            lost.TrySetResult(EndWithout());
        }
        catch (GatewayException e)
        {
            if (!e.IsSilence)
                warn($"The gateway could not restart the path: {e.Message}");
        }
    }

    private async Task<ForwardEnd> FollowRemoteAsync(CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var signal in GatewayClient.ReadSignalsAsync(gateways, remote.TubeId, 0, silentGateway.Tried, cancellationToken))
            {
                if (signal is { Kind: "ice_candidate", Candidate: { } candidate })
                    await TakeCandidateAsync(candidate, cancellationToken);
                else if (signal is { Kind: "ice_restart_offer", Offer: { } offer })
                    await AnswerRestartAsync(offer, cancellationToken);
                else if (signal.Kind == "node_draining")
                    draining.TrySetResult();
                else if (signal.Kind == "tube_closed")
                    return EndThere(CloseReason.FromCode(signal.CloseReason?.Code ?? CloseReason.Unknown.Code), signal.Text);
            }
        }
        catch (GatewayRefusedException e) when (e.Code == TubeNotFound)
        {
            // A gateway that was restarted knows nothing of the tube: as lost as one that was closed.
        }

        return EndWithout();
    }

    // Others may do; that one does not is said once.
    private async Task TakeCandidateAsync(string candidate, CancellationToken cancellationToken)
    {
        if (await registry.AddCandidatesAsync(new(local.TubeId, [candidate]), cancellationToken) is not Refused refused || refused.Code == RefusalCode.TubeNotFound || candidateRefused)
            return;
        candidateRefused = true;
        warn($"A candidate of the gateway is of no use: {refused.Message}");
    }

    private async Task AnswerRestartAsync(string offer, CancellationToken cancellationToken)
    {
        if (await registry.SetRemoteDescriptionAsync(new(local.TubeId, DescriptionType.Offer, offer), cancellationToken) is DescriptionMade answer)
            await Maker.SendAnswerAsync(remote.TubeId, answer.Sdp, cancellationToken);
    }

    private async Task CloseRemoteAsync(bool hasEnded)
    {
        using var limit = new CancellationTokenSource(Farewell);
        try
        {
            await Maker.CloseTubeAsync(remote.TubeId, nameof(CloseReason.Client), limit.Token);
        }
        catch (GatewayRefusedException e) when (e.Code == TubeNotFound)
        {
            // It has ended there too.
        }
        catch (GatewayRefusedException e) when (hasEnded && e.Code == ProblemCodes.Unauthenticated)
        {
            // Whoever makes the next tube is refused with the same words, and says them.
        }
        catch (GatewayException e) when (hasEnded && e.IsSilence)
        {
            // A gateway or node that is gone has no tube to close. Whoever makes the next tube says that it does not answer.
        }
        catch (Exception e) when (e is GatewayException or OperationCanceledException)
        {
            // It notices the closed peer by itself.
            warn($"The gateway could not be told to close the tube {remote.TubeId}: {e.Message}");
        }
    }

    private static async Task CloseLocalAsync(ITubeRegistry registry, TubeId tube, Action<string> warn)
    {
        try
        {
            await registry.CloseTubeAsync(new(tube, CloseReason.Client), CancellationToken.None);
        }
        catch (TimeoutException e)
        {
            warn($"This process's half of a tube did not close in time: {e.Message}");
        }
    }
}

/// <summary>How a tube of a forward ended.</summary>
/// <param name="Text">What happened, for people.</param>
/// <param name="InOrder">Whether every connection on it had ended before.</param>
internal readonly record struct ForwardEnd(string Text, bool InOrder)
{
    /// <summary>Whether the gateway ended it because no user bytes went over it.</summary>
    public bool IsIdle { get; init; }
}
