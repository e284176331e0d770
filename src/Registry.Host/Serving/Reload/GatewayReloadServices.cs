namespace Registry.Host.Serving.Reload;

/// <summary>Puts the reload of a gateway together.</summary>
internal static class GatewayReloadServices
{
    /// <summary>Adds what can be reloaded of the registry; keys and certificates add themselves.</summary>
    public static void AddGatewayReload(this IServiceCollection services, GatewayOptions options)
    {
        // What can be refused comes first: nothing has changed then.
        services.Insert(0, ServiceDescriptor.Singleton<IReloadable, AdmissionReload>());
        services.AddSingleton<IReloadable, TargetsReload>();
        services.AddSingleton<IReloadable, TubeLimitsReload>();
        services.AddSingleton<IReloadable, LogReload>();
        services.AddSingleton(options);
        services.AddSingleton<GatewayReload>();
    }

    /// <summary>Adds a part of its own type that takes part in reloads.</summary>
    public static T AddReloadable<T>(this IServiceCollection services, T part) where T : class, IReloadable
    {
        services.AddSingleton(part);
        services.AddSingleton<IReloadable>(part);
        return part;
    }
}
