using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using Registry.Actors.Channels.Flow;
using Registry.Actors.Channels.Guacd;
using Registry.Actors.Channels.Socks;
using Registry.Messages;

namespace Registry.Actors.Channels;

/// <summary>Makes conversations from settings; what listens is bound here, so that the reply to a create can carry the address.</summary>
internal sealed class ConversationFactory(ChannelServices services)
{
    private readonly OwnerRates owners = new(services.Limits, services.Time);
    private TargetPolicy? ownGuacd;

    public ChannelGauges Gauges => services.Gauges;

    /// <summary>The bounds of a new tube's connections, which it disposes at its end.</summary>
    public TubeFlow OpenFlow(CreateTube command) =>
        new(FlowLimits.From(services.Settings), owners.Open(command.Owner, Least(command.MaxBytesPerSecond, services.Limits.Current.MaxBytesPerSecond)));

    private static int? Least(int? a, int? b) => a is null || b < a ? b ?? a : a;

    /// <summary>Makes a conversation, or says why it cannot be.</summary>
    /// <param name="settings">What it does.</param>
    /// <param name="origin">Whose it is.</param>
    /// <param name="users">Where it notes the user bytes it carries.</param>
    /// <param name="flow">Where it counts the bytes that wait.</param>
    /// <param name="conversation">The conversation, or null.</param>
    /// <param name="refusal">What is wrong, or null.</param>
    /// <param name="noticed">Told when guacd said something that the tube wants to know.</param>
    public bool TryOpen(
        ConversationSettings settings, ConversationOrigin origin, UserTraffic users, TubeFlow flow, [NotNullWhen(true)] out IConversation? conversation, [NotNullWhen(false)] out Refused? refusal,
        Action<GuacdNotice>? noticed = null)
    {
        refusal = null;
        conversation = null;
        switch (settings)
        {
            case TunnelSettings { ListenEndPoint: { } endPoint }:
                conversation = Listen(endPoint, servesSocks: false, origin, users, flow, out refusal);
                break;
            case SocksSettings { ListenEndPoint: { } endPoint }:
                conversation = Listen(endPoint, servesSocks: true, origin, users, flow, out refusal);
                break;
            case TunnelSettings tunnel:
                conversation = TunnelConversation.Dialling(new FixedTarget(new(tunnel.TargetHost!, tunnel.TargetPort)), new(services, origin, flow.Denied), origin, services, users, flow);
                break;
            case SocksSettings socks:
                var narrowing = socks.Allowed is { } allowed ? TargetPolicy.Parse(allowed.Rules) : null;
                conversation = TunnelConversation.Dialling(new RequestedTarget(), new(services, origin, flow.Denied, narrowing), origin, services, users, flow);
                break;
            case RawSettings raw:
                conversation = new RawConversation(raw.TargetHost, raw.TargetPort, new(services, origin, flow.Denied), origin, services, users, flow);
                break;
            case GuacdSettings guacd:
                conversation = Guacd(guacd, origin, users, flow, noticed, out refusal);
                break;
            case HandlerSettings { Name: var name } when services.Handlers.TryGetValue(name, out var handler):
                conversation = new HandlerConversation(name, handler, origin, services, users);
                break;
            case HandlerSettings { Name: var name }:
                refusal = new(RefusalCode.InvalidSettings, $"settings.handler \"{name}\" is not one of this node's handlers. A program that embeds the registry adds them to its options.") { Key = "handler" };
                break;
            case EchoSettings:
                conversation = new EchoConversation(origin, services, users);
                break;
            default:
                refusal = new(RefusalCode.InvalidSettings, $"Conversation type {settings.Type} is not supported by this node.") { Key = "conversationType" };
                break;
        }

        return conversation is not null && refusal is null;
    }

    private TunnelConversation? Guacd(GuacdSettings settings, ConversationOrigin origin, UserTraffic users, TubeFlow flow, Action<GuacdNotice>? noticed, out Refused? refusal)
    {
        refusal = null;
        var own = services.Settings.GuacdAddress;
        var address = settings.GuacdHost is null ? own : new(settings.GuacdHost, settings.GuacdPort);
        if (address is null)
        {
            refusal = new(RefusalCode.InvalidSettings, "settings.guacd is missing, and the node has no guacd of its own. Give guacd_host and guacd_port, or set registry.guacd.address.") { Key = "guacd" };
            return null;
        }

        // The operator's own guacd needs no rule. Its policy is kept: what the rules for targets become is no concern of it.
        var isOwn = own is not null && address.Host.Equals(own.Host, StringComparison.OrdinalIgnoreCase) && address.Port == own.Port;
        var guacd = new TargetDialer(isOwn ? services with { Targets = ownGuacd ??= TargetPolicy.Parse([Rule(own!)]) } : services, origin, flow.Denied);
        return TunnelConversation.Dialling(new(settings, address, guacd, new(services, origin, flow.Denied), services, noticed), origin, services, users, flow);
    }

    private static string Rule(DnsEndPoint address) => address.Host.Contains(':', StringComparison.Ordinal) ? $"[{address.Host}]:{address.Port}" : $"{address.Host}:{address.Port}";

    private TunnelConversation? Listen(IPEndPoint endPoint, bool servesSocks, ConversationOrigin origin, UserTraffic users, TubeFlow flow, out Refused? refusal)
    {
        refusal = null;
        if (services.Listeners.FirstOrDefault(l => l.EndPoint.Equals(endPoint)) is { } shared)
            return TunnelConversation.Listening(shared, ownsListener: false, servesSocks, origin, services, users, flow);
        return TryListen(endPoint, out var listener, out refusal)
            ? TunnelConversation.Listening(listener, ownsListener: true, servesSocks, origin, services, users, flow)
            : null;
    }

    private bool TryListen(IPEndPoint endPoint, [NotNullWhen(true)] out TunnelListener? listener, [NotNullWhen(false)] out Refused? refusal)
    {
        listener = null;
        refusal = null;
        if (services.Settings.Listen == ListenScope.Off || services.Settings.Listen == ListenScope.Loopback && !IPAddress.IsLoopback(endPoint.Address))
        {
            refusal = new(RefusalCode.InvalidSettings, services.Settings.Listen == ListenScope.Off
                ? "settings.local_listen_addr is not allowed: this node does not listen for tubes. Set registry.channels.listen = loopback on it."
                : $"settings.local_listen_addr {endPoint} is not a loopback address. Use 127.0.0.1 or [::1], or set registry.channels.listen = any.")
            {
                Key = "local_listen_addr",
            };
            return false;
        }

        try
        {
            listener = new(endPoint, services.Time);
            return true;
        }
        catch (SocketException e)
        {
            refusal = new(RefusalCode.ListenFailed, e.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => $"{endPoint} is in use by another program or tube. Choose another port, or port 0 for any free one.",
                SocketError.AddressNotAvailable => $"{endPoint} is not an address of this machine. Choose one that is, such as 127.0.0.1.",
                SocketError.AccessDenied => $"Listening on {endPoint} is not permitted. Choose a port above 1023.",
                _ => $"Listening on {endPoint} failed: {e.Message}.",
            })
            { Key = "local_listen_addr" };
            return false;
        }
    }
}
