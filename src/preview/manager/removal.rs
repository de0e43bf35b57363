//! The end of all that an instance has made.

use futures_util::StreamExt;

use crate::{
    engine::{EngineError, Image},
    preview::manager::Manager,
};

/// How many images are removed at once.
const REMOVALS: usize = 4;

impl Manager {
    /// Ends every preview, and removes all that this instance has made on the engine: containers, images, the network and
    /// the volumes.
    ///
    /// # Errors
    /// When the engine cannot remove something; it goes on with the rest as far as it can.
    pub async fn remove_everything(&self) -> Result<(), EngineError> {
        let engine = &self.inner.core.engine;
        tracing::info!("removing the previews");
        self.end_all().await;
        // Before the images: what is being installed or copied ends with its container, and makes none any more.
        tracing::info!("removing the containers, the network and the volumes");
        let all = engine.remove_all().await;
        all.and(self.remove_images().await)
    }

    async fn remove_images(&self) -> Result<(), EngineError> {
        let engine = &self.inner.core.engine;
        let images = engine.images().await?;
        tracing::info!(images = images.len(), "removing the images of dependencies and builds");
        // Some lie on others: one that is in use then is left to the second round.
        let removing = |image: Image| async move {
            if let Err(error) = engine.remove_image(&image.id).await {
                tracing::debug!(image = image.id, error = %error, "an image is removed later");
            }
        };
        futures_util::stream::iter(images).for_each_concurrent(REMOVALS, removing).await;
        for image in engine.images().await? {
            engine.remove_image(&image.id).await?;
        }
        Ok(())
    }
}
