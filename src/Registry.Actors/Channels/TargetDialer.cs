using System.Net;
using System.Net.Sockets;
using Registry.Messages;

namespace Registry.Actors.Channels;

/// <summary>A connected socket, or why there is none.</summary>
internal readonly record struct DialResult(Socket? Socket, CloseReason Reason, string Text)
{
    /// <summary>Where the socket is connected to.</summary>
    public IPEndPoint? EndPoint { get; init; }
}

/// <summary>
/// Opens TCP connections to targets: resolve once, check each address, dial only what was checked. Several addresses race (RFC 8305): both families
/// in turn, each next one when the one before failed or has not answered for a moment.
/// </summary>
/// <param name="services">Limits, policy, names and clock.</param>
/// <param name="origin">Whose dials they are, for the audit.</param>
/// <param name="known">What was denied before on its tube, and told.</param>
/// <param name="narrowing">Rules that must allow a target too; null for none.</param>
internal sealed class TargetDialer(ChannelServices services, ConversationOrigin origin, DeniedTargets known, TargetPolicy? narrowing = null)
{
    // The recommended Connection Attempt Delay (RFC 8305 §5).
    private static readonly TimeSpan AttemptDelay = TimeSpan.FromMilliseconds(250);

    // A name with more addresses is one that wants to be a port scan.
    private const int MaxAddresses = 16;

    /// <summary>Dials within the dial timeout. Only a cancellation by the caller throws.</summary>
    public async Task<DialResult> DialAsync(string host, int port, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(services.Settings.DialTimeout, services.Time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            var (allowed, refused) = await CheckAsync(host, port, linked.Token);
            return allowed.Length == 0 ? refused : await RaceAsync(allowed, linked.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new(null, CloseReason.Timeout, $"{host}:{port} did not answer within {services.Settings.DialTimeout.TotalSeconds:0.###} s.");
        }
    }

    /// <summary>The first address of a target that may be dialled, for whoever dials it; within the dial timeout. Only a cancellation by the caller throws.</summary>
    /// <returns>The address, or a result that says why there is none.</returns>
    public async Task<(IPEndPoint? Allowed, DialResult Refused)> ResolveAsync(string host, int port, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(services.Settings.DialTimeout, services.Time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            var (allowed, refused) = await CheckAsync(host, port, linked.Token);
            return (allowed is [var first, ..] ? first : null, refused);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, new(null, CloseReason.Timeout, $"The name {host} did not resolve within {services.Settings.DialTimeout.TotalSeconds:0.###} s."));
        }
    }

    /// <summary>
    /// Why a target is denied whose denial needs no record, because it has one or is one too many; within the dial timeout. Asked before a connection is
    /// recorded. Only a cancellation by the caller throws.
    /// </summary>
    /// <returns>Null when it is allowed now, or to be found out and recorded.</returns>
    public async ValueTask<DialResult?> DeniedAgainAsync(string host, int port, CancellationToken cancellationToken)
    {
        if (!known.IsQuiet(host, port, services.Time.GetUtcNow()))
            return null;
        var (allowed, refused) = await ResolveAsync(host, port, cancellationToken);
        return allowed is null && refused.Reason == CloseReason.ServerRefuse ? refused : null;
    }

    private async Task<(IPEndPoint[] Allowed, DialResult Refused)> CheckAsync(string host, int port, CancellationToken cancellationToken)
    {
        if (!services.Targets.MayAllowName(host, port))
            return Refused(Denied(host, port, IPAddress.TryParse(host, out var denied) ? Judge(ProtocolType.Tcp, host, denied, port) ?? TargetDenial.NoRule : TargetDenial.NoRule));
        if (narrowing?.MayAllowName(host, port) == false)
            return Refused(Denied(host, port, TargetDenial.NarrowedAway));
        IPAddress[] addresses;
        try
        {
            addresses = IPAddress.TryParse(host, out var literal) ? [literal] : await services.Resolve(host, cancellationToken).WaitAsync(cancellationToken);
        }
        catch (SocketException e)
        {
            return Refused(new(null, CloseReason.AddressResolutionFailed, $"The name {host} did not resolve: {e.Message}."));
        }

        if (addresses.Length == 0)
            return Refused(new(null, CloseReason.AddressResolutionFailed, $"The name {host} has no address."));
        IPEndPoint[] allowed = [.. InTurn([.. addresses.Where(a => Judge(ProtocolType.Tcp, host, a, port) is null).Select(a => new IPEndPoint(TargetPolicy.Plain(a), port))]).Take(MaxAddresses)];
        if (allowed.Length > 0)
            return (allowed, default);
        return Refused(Denied(host, port, (Judge(ProtocolType.Tcp, host, addresses[0], port) ?? TargetDenial.NoRule).AtAddressesOf(host)));

        static (IPEndPoint[], DialResult) Refused(DialResult why) => ([], why);
    }

    /// <summary>Ends a connection that was dialled when the rules no longer allow it, until the result is disposed.</summary>
    /// <param name="host">What was asked for.</param>
    /// <param name="endPoint">What was dialled.</param>
    /// <param name="end">Ends it with the text; must not block.</param>
    public IDisposable Hold(string host, IPEndPoint endPoint, Action<string> end) => services.Targets.Hold(new(ProtocolType.Tcp, host, endPoint, why =>
    {
        var denied = new DeniedDial(origin, host, endPoint.Port, why, WasOpen: true);
        services.DialDenied?.Invoke(denied);
        end(denied.Text);
    }));

    /// <summary>Whether any rule could allow this name and port.</summary>
    public bool MayAllowName(string host, int port) => services.Targets.MayAllowName(host, port) && narrowing?.MayAllowName(host, port) != false;

    /// <summary>What forbids to reach an address under a name; null for nothing.</summary>
    public TargetDenial? Judge(ProtocolType protocol, string host, IPAddress address, int port) =>
        services.Targets.Judge(protocol, host, address, port) ?? (narrowing?.Allows(host, address, port) == false ? TargetDenial.NarrowedAway : null);

    // The families take turns, beginning with the one that the resolver prefers (RFC 8305 §4).
    private static IEnumerable<IPEndPoint> InTurn(IPEndPoint[] targets)
    {
        var families = targets.GroupBy(t => t.AddressFamily).Select(family => family.ToArray()).ToArray();
        for (var i = 0; i < targets.Length; i++)
            foreach (var family in families)
                if (i < family.Length)
                    yield return family[i];
    }

    private async Task<DialResult> RaceAsync(IPEndPoint[] targets, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var attempts = new List<Task<DialResult>>();
        DialResult result = default;
        var next = 0;
        try
        {
            while (result.Socket is null && (next < targets.Length || attempts.Count > 0))
            {
                var pause = Task.Delay(next + 1 < targets.Length ? AttemptDelay : Timeout.InfiniteTimeSpan, services.Time, over.Token);
                if (next < targets.Length)
                    attempts.Add(AttemptAsync(targets[next++], over.Token));
                await Task.WhenAny([pause, .. attempts]);
                cancellationToken.ThrowIfCancellationRequested();
                if (attempts.Find(a => a.IsCompleted) is not { } ended)
                    continue;
                attempts.Remove(ended);
                result = await ended;
            }

            return result;
        }
        finally
        {
            await over.CancelAsync();
            foreach (var loser in attempts)
                await DiscardAsync(loser);
        }
    }

    private static async Task DiscardAsync(Task<DialResult> loser)
    {
        await ((Task)loser).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (loser.IsCompletedSuccessfully)
            loser.Result.Socket?.Dispose();
    }

    private async Task<DialResult> AttemptAsync(IPEndPoint target, CancellationToken cancellationToken)
    {
        try
        {
            return new(await services.Connect(target, cancellationToken), CloseReason.Normal, "") { EndPoint = target };
        }
        catch (SocketException e)
        {
            return new(null, CloseReason.ConnectionFailed, $"{target} cannot be reached: {e.Message}.");
        }
    }

    /// <summary>A socket that is connected to an address.</summary>
    /// <exception cref="SocketException">It cannot be reached.</exception>
    public static async Task<Socket> ConnectAsync(IPEndPoint target, CancellationToken cancellationToken)
    {
        var socket = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(target, cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Counts a dial or datagram that was denied, and tells the audit of a target that was not denied before.</summary>
    public void TellDenied(string host, int port, TargetDenial why)
    {
        services.Gauges.DialDenied();
        if (known.TryAdd(host, port, services.Time.GetUtcNow()))
            services.DialDenied?.Invoke(new(origin, host, port, why, WasOpen: false));
    }

    private DialResult Denied(string host, int port, TargetDenial why)
    {
        TellDenied(host, port, why);
        return new(null, CloseReason.ServerRefuse, why.Tell(host, port));
    }
}
