using System.Net;
using Registry.Actors;
using Registry.Host.Api;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary>
/// Keeps one port forward alive: makes the offering tube in this process, gives the offer to the gateway, carries candidates both ways,
/// and starts anew, on the same local port, when the tube is lost.
/// </summary>
/// <param name="registry">The registry in this process.</param>
/// <param name="gateway">The gateway that dials the target.</param>
/// <param name="specification">Where to listen and what to reach.</param>
/// <param name="report">Told what people or scripts should see.</param>
internal sealed class Forwarder(ITubeRegistry registry, GatewayClient gateway, ForwardSpecification specification, IForwardReport report)
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(5);

    private IPEndPoint listen = specification.Listen;

    /// <summary>Runs until the token ends it, which closes the tube on both sides.</summary>
    /// <exception cref="CommandException">The forward could not be set up the first time, or the gateway refuses it for good.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var retry = FirstRetry;
        for (var established = false; !cancellationToken.IsCancellationRequested;)
        {
            try
            {
                var lost = await CarryAsync(() =>
                {
                    established = true;
                    retry = FirstRetry;
                }, cancellationToken);
                if (!established)
                    throw new CommandException(ExitCode.Failed, $"The tube to {gateway.Gateway} could not carry traffic: {lost} Check that UDP passes between this machine and the gateway.");
                report.Lost(lost);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (CommandException e) when (established && e is not GatewayRefusedException { Retryable: false })
            {
                report.Lost(e.Message);
            }

            // Many clients that lost one gateway must not all come back in the same instant.
            await Task.Delay(retry * (0.8 + Random.Shared.NextDouble() * 0.4), cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            retry = TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, LastRetry.Ticks));
        }
    }

    /// <summary>One tube from its creation to its end.</summary>
    /// <returns>Why it ended.</returns>
    private async Task<string> CarryAsync(Action onReady, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var local = await CreateLocalAsync(cancellationToken);
        string? remote = null;
        var work = new List<Task>();
        try
        {
            remote = (await CreateRemoteAsync(local, cancellationToken)).TubeId;
            var ended = FollowLocalAsync(local, remote, onReady, stop.Token);
            var remoteEnded = FollowRemoteAsync(local.TubeId, remote, stop.Token);
            work.AddRange([ended, remoteEnded]);
            return await await Task.WhenAny(ended, remoteEnded);
        }
        finally
        {
            await stop.CancelAsync();
            foreach (var task in work)
                await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await CloseAsync(local.TubeId, remote);
        }
    }

    private async Task<TubeCreated> CreateLocalAsync(CancellationToken cancellationToken)
    {
        var conversation = new ConversationId($"forward-{Guid.NewGuid():N}");
        var reply = await registry.CreateAsync(new(conversation, TunnelSettings.Listen(listen)), cancellationToken);
        if (reply is Refused { Code: RefusalCode.ListenFailed } inUse)
            throw new CommandException(ExitCode.AddressUnavailable, $"-L: cannot listen on {listen}: {inUse.Message} Choose another port, or 0 for any free one.");
        if (reply is not TubeCreated { Offer: not null, LocalListenAddress: { } address } created)
            throw new CommandException(ExitCode.Failed, $"The tube could not be made in this process: {(reply as Refused)?.Message ?? reply.ToString()}");
        // From the second time on the port is the one that was printed.
        listen = IPEndPoint.Parse(address);
        return created;
    }

    private async Task<TubeCreatedBody> CreateRemoteAsync(TubeCreated local, CancellationToken cancellationToken)
    {
        var created = await gateway.CreateTubeAsync(new()
        {
            ConversationId = local.ConversationId.ToString(),
            Offer = local.Offer,
            Settings = new()
            {
                ["conversationType"] = System.Text.Json.JsonSerializer.SerializeToElement("tunnel"),
                ["target_host"] = System.Text.Json.JsonSerializer.SerializeToElement(specification.TargetHost),
                ["target_port"] = System.Text.Json.JsonSerializer.SerializeToElement(specification.TargetPort),
            },
        }, cancellationToken);
        if (created.Answer is not { } answer)
            throw new CommandException(ExitCode.Failed, $"The gateway {gateway.Gateway} sent no answer.");
        if (await registry.SetRemoteDescriptionAsync(new(local.TubeId, DescriptionType.Answer, answer), cancellationToken) is Refused refused)
        {
            await CloseRemoteAsync(created.TubeId);
            throw new CommandException(ExitCode.Failed, $"The gateway's answer does not fit: {refused.Message}");
        }
        return created;
    }

    private async Task<string> FollowLocalAsync(TubeCreated local, string remote, Action onReady, CancellationToken cancellationToken)
    {
        await foreach (var signal in registry.Signals(local.TubeId, 0, cancellationToken))
        {
            switch (signal)
            {
                case IceCandidateFound found:
                    await gateway.AddCandidatesAsync(remote, [found.Candidate], cancellationToken);
                    break;
                case ConnectionStateChanged { State: TubeState.Ready }:
                    onReady();
                    var pair = registry.Directory.TryGet(local.TubeId, out var tube) ? tube.SelectedPair : null;
                    report.Forwarding(new(listen.ToString(), specification.Target, local.TubeId.ToString(), remote, pair ?? "?"));
                    break;
                case TubeClosed closed:
                    return $"{closed.Text} ({closed.Reason.Name})";
            }
        }
        throw Gone(local.TubeId);
    }

    private async Task<string> FollowRemoteAsync(TubeId local, string remote, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var signal in gateway.ReadSignalsAsync(remote, cancellationToken))
            {
                if (signal is { Kind: "ice_candidate", Candidate: { } candidate })
                    await registry.AddCandidatesAsync(new(local, [candidate]), cancellationToken);
                else if (signal.Kind == "tube_closed")
                    return $"The gateway closed the tube: {signal.Text} ({signal.CloseReason?.Name})";
            }
        }
        catch (GatewayRefusedException e) when (e.Code == "tube_not_found")
        {
            // A gateway that was restarted knows nothing of the tube: as lost as one that was closed.
        }
        return $"The gateway {gateway.Gateway} no longer has the tube.";
    }

    private async Task CloseAsync(TubeId local, string? remote)
    {
        if (remote is not null)
            await CloseRemoteAsync(remote);
        try
        {
            // The port is free again when this returns.
            await registry.CloseTubeAsync(new(local, CloseReason.Client), CancellationToken.None);
        }
        catch (TimeoutException e)
        {
            report.Warn($"The tube {local} did not close in time: {e.Message}");
        }
    }

    private async Task CloseRemoteAsync(string remote)
    {
        using var limit = new CancellationTokenSource(Farewell);
        try
        {
            await gateway.CloseTubeAsync(remote, nameof(CloseReason.Client), limit.Token);
        }
        catch (Exception e) when (e is CommandException or OperationCanceledException)
        {
            // A gateway that is gone has no tube to close; one that is not notices the closed peer by itself.
            report.Warn($"The gateway could not be told to close the tube {remote}: {e.Message}");
        }
    }

    private static CommandException Gone(TubeId tube) => new(ExitCode.Failed, $"The tube {tube} is gone.");
}

/// <summary>A forward that can carry traffic.</summary>
internal sealed record ForwardReady(string Listen, string Target, string TubeId, string GatewayTubeId, string Path);

/// <summary>Who sees what a forward does.</summary>
internal interface IForwardReport
{
    /// <summary>It can carry traffic, the first time or again.</summary>
    void Forwarding(ForwardReady ready);

    /// <summary>The tube was lost; another one is being made.</summary>
    void Lost(string why);

    /// <summary>Something is not as it should be and the forward goes on.</summary>
    void Warn(string what);
}
