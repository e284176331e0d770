using System.Net;
using System.Text.Json.Serialization;
using Registry.Actors;
using Registry.Actors.Channels;
using Registry.Host.Api;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary>
/// Keeps one port forward or SOCKS5 proxy alive. A listener here is not a tube's: tubes serve it one after the other, so that the port stays bound while one is
/// replaced. One at the gateway is its tube's, and the next tube binds the same port.
/// A tube that is lost is replaced, one that its gateway ended because nobody used it when a client connects here, or at once where none can; one whose node goes out of service is replaced first and then left to the connections it has.
/// </summary>
/// <param name="registry">The registry in this process, with the listener among its own.</param>
/// <param name="gateways">The gateways that can dial the target, asked in turn from the one that worked last.</param>
/// <param name="specification">What to reach.</param>
/// <param name="listener">Where clients connect; null where they do at the gateway.</param>
/// <param name="report">Told what people or scripts should see.</param>
/// <param name="ended">Connections that ended with a tube.</param>
/// <param name="denied">Targets that no rule allows.</param>
internal sealed class Forwarder(ITubeRegistry registry, IReadOnlyList<GatewayClient> gateways, ForwardedPort specification, TunnelListener? listener, IForwardReport report, EndedConnections ended, DeniedTargets denied)
{
    // A gateway that tells a new reason each time must not fill the memory.
    private const int MostFailures = 64;

    private readonly List<Task> leaving = []; // tubes that are being left or closed
    private readonly HashSet<string> failures = new(StringComparer.Ordinal); // that were said since the last tube was ready
    private Task? staying; // on a tube that should be left and for which there is no other yet; ends when what became of it was said
    private Departure? departure; // from that one, said with what came of it; whoever says it takes it
    private readonly RetryPause pause = new(TimeProvider.System);
    private bool established;
    private string? idled; // what was said of tubes at a gateway that nobody used
    private bool isRenewing; // one of those, and nothing else was said since
    private int preferred;
    private IPEndPoint listen = listener?.EndPoint ?? specification.Listen;

    /// <summary>Runs until the token ends it, which closes the tubes on both sides.</summary>
    /// <exception cref="CommandException">The forward could not be set up the first time.</exception>
    /// <exception cref="GatewayException">No gateway answered the first time, or one refused it for good.</exception>
    /// <exception cref="ForwardEndedException">A gateway refuses it for good, after it had a tube.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                var wasIdle = await CarryAsync(stop.Token);
                if (await pause.WaitAsync(() => listener?.ClientWaits, staying, forClient: wasIdle, stop.Token))
                    staying = null;
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return;
        }
        catch (GatewayException e) when (established)
        {
            throw new ForwardEndedException(Name, e);
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(leaving);
        }
    }

    // What was tried while the tube stayed does not make the tries after its loss rarer.
    private void BeginAnewOnceLost()
    {
        if (staying is not { IsCompleted: true })
            return;
        staying = null;
        pause.BeginAnew();
    }

    /// <summary>Makes a tube and carries traffic over it until it ends or should be left.</summary>
    /// <returns>Whether its gateway ended it because nobody used it.</returns>
    private async Task<bool> CarryAsync(CancellationToken cancellationToken)
    {
        var isLoss = false;
        try
        {
            var tube = await OpenAsync(cancellationToken);
            isLoss = true;
            if (Interlocked.Exchange(ref departure, null) is { } left)
                Say(left.EndedOn(tube.Remote.Node));
            var isFirst = !established;
            (established, staying) = (true, null);
            pause.Ready();
            lock (failures)
                failures.Clear();
            ended.Expect(EndedName);
            if (tube.Remote.LocalListenAddress is { } bound)
                listen = IPEndPoint.Parse(bound); // with its port, which the next tube should have too
            report.Forwarding(new(listen.ToString(), specification.Target, tube.Remote.TubeId, tube.Path, tube.Gateway.GetLeftPart(UriPartial.Authority), tube.Remote.Node)
            {
                IsAtGateway = specification.IsAtGateway,
                IsFirst = isFirst,
                IsRenewal = isRenewing,
                Text = specification.Announce(listen, tube.Remote.Node),
            });
            if (specification is not ForwardSpecification { IsStdio: true }) // whose connection says it
                denied.Warn(Name, tube.Remote.Warning);
            isRenewing = false;
            var stayed = await StayAsync(tube, cancellationToken);
            pause.Over(isDrained: stayed?.Drained is not null);
            if (stayed is { } leave)
            {
                departure = leave;
                leaving.RemoveAll(task => task.IsCompleted);
                staying = LeaveAsync(tube, cancellationToken);
                leaving.Add(CloseAsync(tube, staying));
                return false;
            }

            return await LoseAsync(tube, cancellationToken);
        }
        catch (Exception e) when (IsOfTheTube(e) && established && !IsForGood(e))
        {
            if (IsPortTaken(e))
                listen = specification.Listen; // Where any port will do, another one does.
            isRenewing = false;
            BeginAnewOnceLost();
            if (staying is null)
                departure = null; // what became of it was said
            if (departure is { } left)
                SayWhyStaying(left, e);
            else
                SayOnce(isLoss ? $"tube lost: {e.Message} {pause.Announce(listener is not null, isLoss)}" : $"no tube yet: {e.Message} {pause.Announce(listener is not null)}");
            ended.Tell(EndedName);
            return false;
        }
    }

    /// <summary>Says why a tube ended, and tidies up.</summary>
    /// <returns>Whether its gateway ended it because nobody used it.</returns>
    private async Task<bool> LoseAsync(ForwardTube tube, CancellationToken cancellationToken)
    {
        ForwardEnd end;
        try
        {
            end = await tube.Ended.WaitAsync(cancellationToken);
            SayLost(end);
            ended.Explain(EndedName);
        }
        catch
        {
            await tube.DisposeAsync();
            throw;
        }

        // The next tube may want this one's port at the gateway. Once the gateway has no such tube, it need not wait until this half is sure that its peer is gone.
        var closing = CloseAsync(tube, Task.CompletedTask);
        leaving.RemoveAll(task => task.IsCompleted);
        leaving.Add(closing);
        if (!tube.HasEndedThere)
            await closing;
        return end.IsIdle;
    }

    private void SayLost(ForwardEnd end)
    {
        if (end.IsIdle)
            pause.BeginAnew(); // Nothing is wrong with the gateway.
        var next = pause.Announce(listener is not null, isLoss: true);
        isRenewing = end.IsIdle && listener is null;
        var said = !end.IsIdle
            ? $"tube lost: {end.Text} {next}"
            : $"the gateway ended the tube, which nobody used: {end.Text} {(isRenewing ? $"{next} When that happens again it is not said." : "The next one is made when a client connects.")}";
        if (!isRenewing || said != idled)
            Say(said);
        if (isRenewing)
            idled = said;
    }

    private async Task CloseAsync(ForwardTube tube, Task first)
    {
        await first;
        await tube.DisposeAsync();
        ended.Tell(EndedName);
    }

    /// <summary>Waits until a tube ends or should be left.</summary>
    /// <returns>Why it should be left; null when it has ended.</returns>
    private async Task<Departure?> StayAsync(ForwardTube tube, CancellationToken cancellationToken)
    {
        var cancelled = Task.Delay(Timeout.Infinite, cancellationToken);
        Task<UnansweredPath>? told = null;
        while (true)
        {
            // What was said of a silent path counts until it is back.
            var unanswered = tube.Unanswered;
            await Task.WhenAny(tube.Ended, tube.Draining, cancelled, unanswered == told ? (await unanswered).Back : unanswered);
            if (tube.Ended.IsCompleted || cancelled.IsCompleted)
                return null; // Of all of them the loss counts.
            if (tube.Draining.IsCompleted)
                return new($"node {tube.Remote.Node} went out of service", tube.Remote.Node);
            if (unanswered == told)
            {
                Say("the path is back.");
                told = null;
            }
            else if ((await unanswered) is { Who: var who, IsNode: var isNode })
            {
                // The tube may come back; what can be had now is a tube through whoever answers.
                if (isNode || gateways.Count > 1)
                {
                    preferred += isNode ? 0 : 1;
                    // Another tube may take a cluster that misses a node some seconds.
                    Say($"the path is silent and {who} does not answer; asking for another tube.");
                    return new($"{who} does not answer", Drained: null) { Silent = tube, SilentGateway = isNode ? null : tube.Gateway };
                }

                Say($"the path is silent and {who} does not answer; waiting for the path to come back.");
                told = unanswered;
            }
        }
    }

    private void SayWhyStaying(Departure from, Exception e)
    {
        if (gateways.Count == 1 && e is GatewayRefusedException refused && refused.Code == RefusalCode.Draining.Text)
            SayOnce($"{from.Why}; no other gateway to move to; staying until it stops or is back.");
        else if (e is not GatewayUnreachableException { IsAnswered: false, Gateway: var asked } || asked != from.SilentGateway) // of which it was said
            SayOnce($"{from.Why}; cannot move yet: {e.Message}");
    }

    private string EndedName => specification.IsAtGateway ? "" : Name;

    private string Name => specification.NameOf(listen);

    private void Say(string what) => report.Warn($"{Name}: {what}");

    // What goes wrong again and again while it is tried again and again. Tubes say it on any thread.
    private void SayOnce(string what)
    {
        lock (failures)
        {
            if (failures.Count == MostFailures)
                failures.Clear();
            if (!failures.Add(what))
                return;
        }

        Say(what);
    }

    /// <summary>A ready tube through the first gateway that can make one.</summary>
    private async Task<ForwardTube> OpenAsync(CancellationToken cancellationToken)
    {
        Exception? failure = null;
        foreach (var number in Enumerable.Range(preferred, gateways.Count).Select(n => n % gateways.Count))
        {
            try
            {
                var tube = await ForwardTube.OpenAsync(registry, [gateways[number], .. gateways.Where(other => other != gateways[number])], specification, listen, SayOnce, Say, cancellationToken);
                preferred = number;
                return tube;
            }
            catch (Exception e) when (IsOfTheTube(e) && !IsForGood(e))
            {
                if (failure is not null)
                    SayOnce(failure.Message);
                failure = e;
            }
        }

        throw failure!;
    }

    private static bool IsOfTheTube(Exception e) => e is CommandException or GatewayException;

    private bool IsForGood(Exception e) => e is GatewayRefusedException { Retryable: false } && !(established && IsPortTaken(e));

    // The gateway may not have missed the tube before yet, or another program was faster.
    private static bool IsPortTaken(Exception e) => e is GatewayRefusedException refused && refused.Code == RefusalCode.ListenFailed.Text;

    // New connections go over the next tube once it is ready; this one's channel closes with its last connection, or its gateway closes it at the drain's deadline.
    private async Task LeaveAsync(ForwardTube tube, CancellationToken cancellationToken)
    {
        tube.Leave();
        try
        {
            if (await tube.Ended.WaitAsync(cancellationToken) is not { InOrder: false } cut)
                return;
            Say(Interlocked.Exchange(ref departure, null) is null
                ? $"the old tube {tube.Remote.TubeId}, kept for the connections it had, was lost: {cut.Text}"
                : $"tube lost: {cut.Text} Reconnecting."); // there was no other one yet
            ended.Explain(EndedName);
        }
        catch (Exception e) when (IsOfTheTube(e) || e is OperationCanceledException)
        {
            // The forward ends, or the gateway has gone, and the tube with it.
        }
    }

    /// <summary>Why a tube should be left.</summary>
    /// <param name="Why">For people.</param>
    /// <param name="Drained">The node that went out of service; null where that is not the reason.</param>
    private sealed record Departure(string Why, string? Drained)
    {
        /// <summary>The tube, where its path is silent.</summary>
        public ForwardTube? Silent { get; init; }

        /// <summary>The gateway, where it is what does not answer.</summary>
        public Uri? SilentGateway { get; init; }

        /// <summary>What came of it when the next tube is on a node.</summary>
        public string EndedOn(string node) => node == Drained ? $"{Why} and is back. Moved to a new tube on it." : Drained is null ? $"moved to another tube.{Held}" : $"{Why}. Moved to another tube.";

        private string Held => Silent?.HeldUntil is { } until ? $" Connections on the old one wait for its path, until {until.UtcDateTime:HH:mm:ss}Z at most." : "";
    }
}

/// <summary>A gateway ended a forward that had had a tube: said as all is that happens to it, with time and port.</summary>
/// <param name="port">The port's name.</param>
/// <param name="refusal">What the gateway said.</param>
internal sealed class ForwardEndedException(string port, GatewayException refusal) : CommandException(refusal.ExitCode, $"{port}: ended for good: {refusal.Line}{Cure(refusal)}")
{
    private static string Cure(GatewayException refusal) =>
        refusal is GatewayRefusedException refused && refused.Code == ProblemCodes.Unauthenticated ? " Put one that is valid into the file of --key-file, and start it again." : "";
}

/// <summary>A forward that can carry traffic; the tube's id is the gateway's.</summary>
internal sealed record ForwardReady(string Listen, string Target, string TubeId, string Path, string Gateway, string Node)
{
    /// <summary>Whether clients connect at the gateway's node and not here.</summary>
    public bool IsAtGateway { get; init; }

    /// <summary>Whether its port could carry none before.</summary>
    [JsonIgnore]
    public bool IsFirst { get; init; }

    /// <summary>Whether it only takes the place of one that its gateway ended because nobody used it, at a port of the gateway.</summary>
    [JsonIgnore]
    public bool IsRenewal { get; init; }

    /// <summary>What it does, for people.</summary>
    [JsonIgnore]
    public string Text { get; init; } = "";
}

/// <summary>Who sees what a forward does.</summary>
internal interface IForwardReport
{
    /// <summary>It can carry traffic, the first time or again.</summary>
    void Forwarding(ForwardReady ready);

    /// <summary>Something is not as it should be and the forward goes on, also when its tube was lost and another one is being made.</summary>
    void Warn(string what);
}
