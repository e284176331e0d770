using System.Net;
using System.Net.Sockets;
using Registry.Messages;

namespace Registry.Actors.Channels;

/// <summary>A connected socket, or why there is none.</summary>
internal readonly record struct DialResult(Socket? Socket, CloseReason Reason, string Text);

/// <summary>Opens TCP connections to targets: resolve once, check each address, dial only what was checked.</summary>
/// <param name="services">Limits, policy, names and clock.</param>
/// <param name="narrowing">Rules that must allow a target too; null for none.</param>
internal sealed class TargetDialer(ChannelServices services, TargetPolicy? narrowing = null)
{
    /// <summary>Dials within the dial timeout. Only a cancellation by the caller throws.</summary>
    public async Task<DialResult> DialAsync(string host, int port, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(services.Settings.DialTimeout, services.Time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return await DialCheckedAsync(host, port, linked.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new(null, CloseReason.Timeout, $"{host}:{port} did not answer within {services.Settings.DialTimeout.TotalSeconds:0.###} s.");
        }
    }

    private async Task<DialResult> DialCheckedAsync(string host, int port, CancellationToken cancellationToken)
    {
        if (!services.Targets.MayAllowName(host, port) || narrowing?.MayAllowName(host, port) == false)
            return Denied(host, port);
        IPAddress[] addresses;
        try
        {
            addresses = IPAddress.TryParse(host, out var literal) ? [literal] : await services.Resolve(host, cancellationToken).WaitAsync(cancellationToken);
        }
        catch (SocketException e)
        {
            return new(null, CloseReason.AddressResolutionFailed, $"The name {host} did not resolve: {e.Message}.");
        }

        var result = addresses.Length == 0
            ? new(null, CloseReason.AddressResolutionFailed, $"The name {host} has no address.")
            : Denied(host, port);
        foreach (var address in addresses)
        {
            if (!services.Targets.Allows(host, address, port) || narrowing?.Allows(host, address, port) == false)
                continue;
            result = await ConnectAsync(new(TargetPolicy.Plain(address), port), cancellationToken);
            if (result.Socket is not null)
                break;
        }

        return result;
    }

    private static async Task<DialResult> ConnectAsync(IPEndPoint target, CancellationToken cancellationToken)
    {
        var socket = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(target, cancellationToken);
            return new(socket, CloseReason.Normal, "");
        }
        catch (SocketException e)
        {
            socket.Dispose();
            return new(null, CloseReason.ConnectionFailed, $"{target} cannot be reached: {e.Message}.");
        }
        catch (OperationCanceledException)
        {
            socket.Dispose();
            throw;
        }
    }

    private static DialResult Denied(string host, int port) =>
        new(null, CloseReason.ServerRefuse, $"No rule allows {host}:{port}. Add one to registry.targets.allow, for example \"{host}:{port}\".");
}
