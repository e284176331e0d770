using System.Net;
using System.Net.Sockets;
using Registry.Actors.Audit;
using Registry.Actors.Channels.Flow;
using Registry.Messages;

namespace Registry.Actors.Channels.Guacd;

/// <summary>A session with guacd, or why there is none.</summary>
internal readonly record struct GuacdResult(Socket? Socket, GuacdSession? Session, CloseReason Reason, string Text)
{
    /// <summary>Where guacd was reached.</summary>
    public IPEndPoint? EndPoint { get; init; }

    public static GuacdResult Failed(CloseReason reason, string text) => new(null, null, reason, text);
}

/// <summary>Opens sessions with guacd: what guacd is told to connect to is checked, then guacd is dialled, then the handshake done.</summary>
/// <param name="settings">What is asked for.</param>
/// <param name="address">Where guacd listens.</param>
/// <param name="guacd">Dials it.</param>
/// <param name="targets">Checks what guacd is told.</param>
/// <param name="services">Limits and clock.</param>
/// <param name="noticed">Told when guacd said something that the tube wants to know; null when nobody does.</param>
internal sealed class GuacdConnector(GuacdSettings settings, DnsEndPoint address, TargetDialer guacd, TargetDialer targets, ChannelServices services, Action<GuacdNotice>? noticed)
{
    /// <summary>Where guacd listens.</summary>
    public DnsEndPoint Address => address;

    /// <summary>What guacd is told to connect to; null for a session that exists.</summary>
    public string? Target => AuditTrail.Name(settings);

    /// <summary>Opens one. Only a cancellation by the caller throws.</summary>
    /// <param name="tube">Where bytes that wait are counted.</param>
    /// <param name="denied">Ends the connection, with a text, when the rules no longer allow a target.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<GuacdResult> ConnectAsync(TubeFlow tube, Action<string> denied, CancellationToken cancellationToken)
    {
        var values = GuacdValues.Of(settings);
        var held = new List<IDisposable>();
        Socket? socket = null;
        try
        {
            if (await CheckTargetsAsync(values, held, denied, cancellationToken) is { } refused)
                return GuacdResult.Failed(refused.Reason, refused.Text);
            var dialed = await guacd.DialAsync(address.Host, address.Port, cancellationToken);
            if (dialed.Socket is null)
                return GuacdResult.Failed(dialed.Reason, $"guacd: {dialed.Text}");
            socket = dialed.Socket;
            held.Add(guacd.Hold(address.Host, dialed.EndPoint!, denied));
            var session = await ShakeHandsAsync(socket, values, tube, held, cancellationToken);
            var opened = new GuacdResult(socket, session, CloseReason.Normal, "") { EndPoint = dialed.EndPoint };
            (socket, held) = (null, []); // The session's now.
            return opened;
        }
        catch (GuacdRefusedException e)
        {
            return GuacdResult.Failed(e.Reason, e.Message);
        }
        catch (SocketException e)
        {
            return GuacdResult.Failed(CloseReason.ConnectionLost, $"The connection to guacd broke: {e.Message}.");
        }
        finally
        {
            socket?.Dispose();
            foreach (var one in held)
                one.Dispose();
        }
    }

    /// <inheritdoc cref="TargetDialer.DeniedAgainAsync"/>
    public async ValueTask<DialResult?> DeniedAgainAsync(CancellationToken cancellationToken)
    {
        foreach (var target in settings.Targets)
            if (await targets.DeniedAgainAsync(target.Host, target.Port, cancellationToken) is { } denied)
                return denied;
        return await guacd.DeniedAgainAsync(address.Host, address.Port, cancellationToken);
    }

    private async Task<DialResult?> CheckTargetsAsync(Dictionary<string, string> values, List<IDisposable> held, Action<string> denied, CancellationToken cancellationToken)
    {
        foreach (var target in settings.Targets)
        {
            var (allowed, refused) = await targets.ResolveAsync(target.Host, target.Port, cancellationToken);
            if (allowed is null)
                return refused;
            held.Add(targets.Hold(target.Host, allowed, denied));
            if (target.IsUrl)
                continue;
            // guacd gets the address that was checked: the name could mean another by the time it looks.
            var passesName = services.Settings.GuacdPassNames && !IPAddress.TryParse(target.Host, out _);
            GuacdValues.SetTarget(values, target, passesName ? target.Host : allowed.Address.ToString());
        }

        return null;
    }

    private async Task<GuacdSession> ShakeHandsAsync(Socket socket, Dictionary<string, string> values, TubeFlow tube, List<IDisposable> held, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(services.Settings.GuacdHandshakeTimeout, services.Time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        var handshake = new GuacdHandshake(socket, settings, values);
        try
        {
            var ready = await handshake.RunAsync(linked.Token);
            var notice = noticed is null ? null : new GuacdNotice(noticed);
            notice?.Tell(ready);
            return new(handshake.Rest, tube, notice, held);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new GuacdRefusedException(CloseReason.Timeout, $"guacd sent no {handshake.Awaited} within {services.Settings.GuacdHandshakeTimeout.TotalSeconds:0.###} s.");
        }
    }
}
