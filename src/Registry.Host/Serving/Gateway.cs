using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Remote;
using Microsoft.AspNetCore.HostFiltering;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Registry.Actors;
using Registry.Actors.Cluster.Membership;
using Registry.Host.Api;
using Registry.Host.Api.Description;
using Registry.Host.Audit;
using Registry.Host.BrowserClient;
using Registry.Host.Cli;
using Registry.Host.Dashboard;
using Registry.Host.Limits;
using Registry.Host.Security;
using Registry.Host.Serving.Reload;
using Registry.Host.Telemetry;
using Registry.WebRtc;

namespace Registry.Host.Serving;

/// <summary>The running gateway: HTTP interface, web page and registry in one process.</summary>
internal sealed class Gateway : IAsyncDisposable
{
    // More than streams, requests and then every phase of the actor system's shutdown (together 85 s) take at most, once the tubes have ended.
    private static readonly TimeSpan ShutdownAfterTubes = TimeSpan.FromSeconds(95);

    private readonly WebApplication application;

    private Gateway(WebApplication application)
    {
        this.application = application;
        Membership = ClusterMembership.Of(application.Services.GetRequiredService<ActorSystem>());
    }

    /// <summary>Base address of the HTTP interface with its real port.</summary>
    public Uri Url => new(application.Urls.Single());

    /// <summary>Where the gateway stands in its cluster; null outside of one.</summary>
    public ClusterMembership? Membership { get; }

    public IServiceProvider Services => application.Services;

    /// <summary>Reads settings and files again while it runs.</summary>
    public GatewayReload Reload => Services.GetRequiredService<GatewayReload>();

    /// <summary>Binds, starts and returns once requests are answered.</summary>
    /// <param name="options">What to serve.</param>
    /// <param name="configure">Replaces services, for tests.</param>
    /// <param name="cancellationToken">Gives up starting.</param>
    /// <exception cref="CommandException">An address or port cannot be bound, or the gateway lost its cluster meanwhile.</exception>
    public static async Task<Gateway> StartAsync(GatewayOptions options, Action<IServiceCollection>? configure = null, CancellationToken cancellationToken = default)
    {
        var application = Build(options, configure);
        // Beside the rest of the start, so that it costs little of it, and the first peer is not the one who waits.
        var warm = PeerConnectionFactory.WarmUpAsync();
        try
        {
            // First of all, so that a second gateway on this machine says nothing else.
            application.Services.GetRequiredService<Socket>();
            application.Services.GetRequiredService<IPeerConnectionFactory>();
            // Before the actor system, so that it ends after it.
            application.Services.GetRequiredService<AuditLog>();
            // Here and not by the host, which would print a failure to bind the cluster's port before throwing it.
            application.Services.GetRequiredService<ActorSystem>();
            await application.StartAsync(cancellationToken);
            // The port is known now; nobody has had the time to make a tube.
            application.Services.GetRequiredService<ActorSystem>().GetTubeTargets().NeverDial(ProtocolType.Tcp, new(options.Http.Address, new Uri(application.Urls.Single()).Port));
            await warm.WaitAsync(cancellationToken);
            return new(application);
        }
        catch (PortUnavailableException e)
        {
            await application.DisposeAsync();
            var (setting, unset) = e.Protocol == ProtocolType.Tcp ? ("registry.webrtc.tcp-port =", "set it to off for none") : ("--udp-port", "leave the option out for any free one");
            throw new CommandException(ExitCode.AddressUnavailable, $"{setting} {e.Port} cannot be bound: {e.Message}. Choose another port, or {unset}.");
        }
        catch (AggregateException e) when (e.Flatten().InnerException is RemoteTransportException { InnerException: { } cause })
        {
            await application.DisposeAsync();
            var node = TubeRegistryClusterOptions.From(options.Registry.Configuration);
            throw new CommandException(ExitCode.AddressUnavailable, $"--cluster {node.Hostname}:{node.Port} cannot be bound: {cause.Message}. Choose another address or port, or port 0 for any free one.");
        }
        catch (SocketException e)
        {
            await application.DisposeAsync();
            var scheme = options.IsHttps ? "https" : "http";
            var why = e.SocketErrorCode switch
            {
                SocketError.AddressNotAvailable => $"{options.Http.Address} is no address of this machine. Name one that is, or 0.0.0.0 or [::] for all of them.",
                SocketError.AddressAlreadyInUse => $"{e.Message}. {await PortOccupant.TellAsync(options.Http, cancellationToken)} Or choose another address or port, for example --http {scheme}://127.0.0.1:0.",
                _ => $"{e.Message}. Choose another address or port, for example --http {scheme}://127.0.0.1:0.",
            };
            throw new CommandException(ExitCode.AddressUnavailable, $"--http {scheme}://{options.Http} cannot be bound: {why}");
        }
        catch (Exception e)
        {
            // The cluster may end a node before it serves; whatever of the start that stops is not the reason.
            var loss = e is OperationCanceledException ? ClusterMembership.Of(application.Services.GetRequiredService<ActorSystem>())?.Loss : null;
            await application.DisposeAsync();
            if (loss is not null)
                throw new CommandException(ExitCode.ClusterLost, loss);
            throw;
        }
    }

    /// <summary>Waits until the token or the process's own failure ends the gateway, and stops it in order.</summary>
    /// <exception cref="CommandException">The gateway lost its cluster.</exception>
    public async Task RunAsync(CancellationToken stop)
    {
        // Not WaitForShutdownAsync: that would tell everybody to stop before the tubes were closed.
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop, application.Lifetime.ApplicationStopping);
        await Task.Delay(Timeout.InfiniteTimeSpan, ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var log = Services.GetRequiredService<ILoggerFactory>().CreateLogger(nameof(Gateway));
        log.LogInformation(
            "Terminating: {Tubes} to end within {Seconds} s",
            Amounts.Count(Services.GetRequiredService<ITubeRegistry>().Capacity.Tubes, "tube"),
            Services.GetRequiredService<GatewayOptions>().Registry.LongestStop.TotalSeconds);
        await application.StopAsync(CancellationToken.None);
        log.LogInformation("Stopped");
        if (Membership?.Loss is { } loss)
            throw new CommandException(ExitCode.ClusterLost, loss);
    }

    public async ValueTask DisposeAsync()
    {
        await application.StopAsync();
        await application.DisposeAsync();
    }

    private static WebApplication Build(GatewayOptions options, Action<IServiceCollection>? configure)
    {
        // The empty builder reads no file and no environment variable, so nothing but the options can add an address to listen on.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "registry" });
        var certificate = options is { IsHttps: true, Security: { Certificate: { } file, CertificateKey: { } key } } ? new ServerCertificate(file, key) : null;
        if (certificate is not null)
            builder.Services.AddReloadable(certificate);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.Apply(options.Limits);
            kestrel.Listen(options.Http, listen =>
            {
                listen.LimitConnections(options.Limits, options.Security.TrustedProxies);
                Protect(listen, certificate);
            });
        });
        builder.Services.AddSingleton(_ => SocketTransportOptions.CreateDefaultBoundListenSocket(options.Http));
        builder.Services.AddOptions<SocketTransportOptions>().Configure<IServiceProvider>((sockets, services) => sockets.CreateBoundListenSocket = _ => services.GetRequiredService<Socket>());
        builder.Services.AddRoutingCore();
        // A page of another site may point its own name at 127.0.0.1 (DNS rebinding); its requests carry that name, but no key.
        builder.Services.Configure<HostFilteringOptions>(filter =>
        {
            filter.AllowedHosts = [.. options.Security.HostsBeside("localhost", "127.0.0.1", "[::1]")];
            filter.IncludeFailureMessage = false;
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.Registry.LongestStop + ShutdownAfterTubes);
        builder.Services.AddGatewaySecurity(options.Security);
        builder.Services.AddCallerLimits(options.Limits);
        builder.Services.AddApiDocument();
        builder.Services.AddScrapedMetrics();
        builder.Services.AddAudit(options.Audit);
        builder.Services.AddTraces(options.Telemetry);
        options.Registry.AddTo(builder.Services, options.Log);
        builder.Services.AddGatewayReload(options);
        configure?.Invoke(builder.Services);

        var application = builder.Build();
        application.UseAnswerRules();
        application.UseTrustedProxies(options.Security.TrustedProxies);
        application.UseProblems();
        application.UseHostFiltering();
        application.UseHeadRequests();
        application.UseGatewaySecurity();
        application.UseQueryCheck();
        application.MapNode();
        application.MapMetrics();
        application.MapDashboard();
        application.MapBrowserClient();
        application.MapApiDocument();
        var v1 = application.MapGroup("/v1");
        v1.MapTubes();
        v1.MapEvents();
        v1.MapConversations();
        v1.MapAudit();
        return application;
    }

    // Asked for each connection, so that a certificate that was read again holds for the next.
    private static void Protect(ListenOptions listen, ServerCertificate? certificate)
    {
        if (certificate is not null)
            listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => new(new SslServerAuthenticationOptions { ServerCertificateContext = certificate.Current }) });
    }
}
